import { QueueError } from './errors.js';
export interface Config {
    /** Absolute path of the project root that relative paths start from. */
    readonly projectRoot: string;
    /** Absolute path of the spool directory (QUEUE_BASE_DIR). */
    readonly baseDir: string;
    /** Default target: an absolute path (HIVE_DB), or a URL taken as it is. */
    readonly database: string;
    /** HIVE_DB was set, so entries name their target instead of leaving it to whichever worker runs. */
    readonly databaseIsExplicit: boolean;
    /** Absolute path of the directory that queue-sync takes lines from (MENACE_QUEUE_DIR). */
    readonly queueDir: string;
    /** Seconds between looks at pending/ when no file event arrives. */
    readonly pollInterval: number;
    /** Most entries in one transaction. */
    readonly batchSize: number;
    /** Tries after the first before a transient failure becomes a dead letter. */
    readonly maxRetries: number;
    /** Seconds without work after which the worker leaves; 0 = as soon as the spool is empty. */
    readonly idleExit: number;
    /** Seconds after which a file in processing/ counts as an orphan. */
    readonly processingTimeout: number;
    /** Milliseconds SQLite waits for another connection's lock. */
    readonly busyTimeout: number;
    /** Milliseconds one entry may run before it is stopped and put into failed/. */
    readonly statementTimeout: number;
    /** false: every write goes to the database at once. */
    readonly useQueue: boolean;
    /** true: every enqueue is fsynced, file and directory, before success is reported. */
    readonly durable: boolean;
    /** Seconds of waiting that raise an entry by one priority; 0 = off. */
    readonly aging: number;
    /** false: no ledger is kept; a crash between COMMIT and unlink repeats a batch. */
    readonly exactlyOnce: boolean;
    /** true: entries may ATTACH databases and VACUUM INTO files. */
    readonly allowAttach: boolean;
    /** Seconds that completed and cancelled jobs are kept; 0 = for good. */
    readonly jobRetention: number;
    /** QUEUE_THRESHOLDS as it is: queue-maint health reads and checks it (maintenance/health/thresholds.ts). */
    readonly thresholds: string;
}
/** When and where to tell someone of trouble; see alerts/. */
export interface AlertSettings {
    /** A Slack-compatible webhook (QUEUE_ALERT_URL); a secret. '' for none. */
    readonly url: string;
    /** A command for `sh -c` (QUEUE_ALERT_CMD); '' for none. */
    readonly command: string;
    /** Seconds that a database may be unusable; 0 = never told. */
    readonly outage: number;
    /** Seconds that an entry may wait; 0 = never told. */
    readonly age: number;
    /** Bytes that are to be free where spool and database are; 0 = never told. */
    readonly disk: number;
    /** Seconds between the messages of two incidents of one kind. */
    readonly interval: number;
}
type Env = Readonly<Record<string, string | undefined>>;
type OnBadValue = (error: QueueError) => void;
/** Every numeric variable with its default and range; the README's table is checked against this by a test. */
export declare const NUMBERS: {
    readonly QUEUE_POLL_INTERVAL: {
        readonly fallback: 0.1;
        readonly min: 0.01;
        readonly max: 3600;
        readonly integer: false;
    };
    readonly QUEUE_BATCH_SIZE: {
        readonly fallback: 500;
        readonly min: 1;
        readonly max: 100000;
        readonly integer: true;
    };
    readonly QUEUE_MAX_RETRIES: {
        readonly fallback: 3;
        readonly min: 0;
        readonly max: 1000;
        readonly integer: true;
    };
    readonly QUEUE_IDLE_EXIT: {
        readonly fallback: 300;
        readonly min: 0;
        readonly max: 31536000;
        readonly integer: false;
    };
    readonly QUEUE_PROCESSING_TIMEOUT: {
        readonly fallback: 30;
        readonly min: 0;
        readonly max: 31536000;
        readonly integer: false;
    };
    readonly SQLITE_BUSY_TIMEOUT: {
        readonly fallback: 5000;
        readonly min: 0;
        readonly max: 2147483647;
        readonly integer: true;
    };
    readonly SQLITE_TIMEOUT: {
        readonly fallback: 10000;
        readonly min: 100;
        readonly max: 2147483647;
        readonly integer: true;
    };
    readonly QUEUE_AGING: {
        readonly fallback: 0;
        readonly min: 0;
        readonly max: 31536000;
        readonly integer: false;
    };
    readonly QUEUE_JOB_RETENTION: {
        readonly fallback: 3600;
        readonly min: 0;
        readonly max: 31536000;
        readonly integer: false;
    };
};
/** The same of alerts; apart, because no producer needs them. */
export declare const ALERT_NUMBERS: {
    readonly QUEUE_ALERT_OUTAGE: {
        readonly fallback: 60;
        readonly min: 0;
        readonly max: 31536000;
        readonly integer: false;
    };
    readonly QUEUE_ALERT_AGE: {
        readonly fallback: 300;
        readonly min: 0;
        readonly max: 31536000;
        readonly integer: false;
    };
    readonly QUEUE_ALERT_DISK: {
        readonly fallback: 1000;
        readonly min: 0;
        readonly max: 1000000000;
        readonly integer: true;
    };
    readonly QUEUE_ALERT_INTERVAL: {
        readonly fallback: 300;
        readonly min: 0;
        readonly max: 31536000;
        readonly integer: false;
    };
};
/** Every yes/no variable with its default. */
export declare const BOOLEANS: {
    readonly USE_QUEUE: true;
    readonly QUEUE_DURABLE: false;
    readonly QUEUE_EXACTLY_ONCE: true;
    readonly QUEUE_ALLOW_ATTACH: false;
};
/**
 * Reads and checks the configuration.
 *
 * @param env the environment to read; default the process's own.
 * @param onBadValue called with the error for each bad value, whose default is then taken; without it the first
 *   bad value is thrown.
 * @throws QueueError CONFIG.
 */
export declare function loadConfig(env?: Env, onBadValue?: OnBadValue): Config;
/**
 * Reads and checks what concerns alerts, in the manner of `loadConfig`.
 * @throws QueueError CONFIG. What it says of the URL does not show the URL.
 */
export declare function loadAlertSettings(env?: Env, onBadValue?: OnBadValue): AlertSettings;
/** A target as it is named in entries and by sinks: URLs untouched, paths absolute from `root`. */
export declare function databasePath(name: string, root: string): string;
/** True for targets such as `postgres://...`, which may hold a password and so never enter an entry file. */
export declare function isUrl(name: string): boolean;
/**
 * The database that entries name by themselves, so that it is not left to whichever worker runs. Not a URL, which may hold
 * a password: that stays in the environment.
 */
export declare function namedDatabase({ database, databaseIsExplicit }: Config): string | undefined;
/** The target of an entry whose `db` is this. A URL there has no password: HIVE_DB may be the same one with it. */
export declare function targetOf({ database, projectRoot }: Config, db: string | undefined): string;
/** True for a URL that no entry file may hold: what `shownTarget` leaves out is in it. */
export declare function holdsPassword(target: string): boolean;
/** A target as it may be shown: a URL without its password. */
export declare function shownTarget(target: string): string;
export {};
