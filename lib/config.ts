/**
 * Configuration by environment: the only module that reads the settings in `Config`.
 *
 * `loadConfig` checks every variable. A bad value is a CONFIG error that names the variable, the value and what
 * is allowed; a hook's hot path passes `onBadValue` instead, takes the default and lets the log be told.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { QueueError } from './errors.ts';

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

interface NumberRule {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  readonly integer: boolean;
}

/** Every numeric variable with its default and range; the README's table is checked against this by a test. */
export const NUMBERS = {
  QUEUE_POLL_INTERVAL: { fallback: 0.1, min: 0.01, max: 3600, integer: false },
  QUEUE_BATCH_SIZE: { fallback: 500, min: 1, max: 100_000, integer: true },
  QUEUE_MAX_RETRIES: { fallback: 3, min: 0, max: 1000, integer: true },
  QUEUE_IDLE_EXIT: { fallback: 300, min: 0, max: 31_536_000, integer: false },
  QUEUE_PROCESSING_TIMEOUT: { fallback: 30, min: 0, max: 31_536_000, integer: false },
  SQLITE_BUSY_TIMEOUT: { fallback: 5000, min: 0, max: 2_147_483_647, integer: true },
  SQLITE_TIMEOUT: { fallback: 10_000, min: 100, max: 2_147_483_647, integer: true },
  QUEUE_AGING: { fallback: 0, min: 0, max: 31_536_000, integer: false },
  QUEUE_JOB_RETENTION: { fallback: 3600, min: 0, max: 31_536_000, integer: false },
} as const satisfies Record<string, NumberRule>;

/** The same of alerts; apart, because no producer needs them. */
export const ALERT_NUMBERS = {
  QUEUE_ALERT_OUTAGE: { fallback: 60, min: 0, max: 31_536_000, integer: false },
  QUEUE_ALERT_AGE: { fallback: 300, min: 0, max: 31_536_000, integer: false },
  QUEUE_ALERT_DISK: { fallback: 1000, min: 0, max: 1_000_000_000, integer: true },
  QUEUE_ALERT_INTERVAL: { fallback: 300, min: 0, max: 31_536_000, integer: false },
} as const satisfies Record<string, NumberRule>;

/** Every yes/no variable with its default. */
export const BOOLEANS = {
  USE_QUEUE: true,
  QUEUE_DURABLE: false,
  QUEUE_EXACTLY_ONCE: true,
  QUEUE_ALLOW_ATTACH: false,
} as const;

const YES = new Set(['true', '1', 'yes', 'on']);
const NO = new Set(['false', '0', 'no', 'off']);

/**
 * Reads and checks the configuration.
 *
 * @param env the environment to read; default the process's own.
 * @param onBadValue called with the error for each bad value, whose default is then taken; without it the first
 *   bad value is thrown.
 * @throws QueueError CONFIG.
 */
export function loadConfig(env: Env = process.env, onBadValue?: OnBadValue): Config {
  const reject = rejecting(onBadValue);
  const number = (name: keyof typeof NUMBERS): number => readNumber(env, name, NUMBERS[name], reject);
  const boolean = (name: keyof typeof BOOLEANS): boolean => readBoolean(env, name, reject);

  const projectRoot = findProjectRoot(env);
  const hiveDb = env.HIVE_DB ?? '';
  return {
    projectRoot,
    baseDir: resolve(projectRoot, env.QUEUE_BASE_DIR || join('.hive-mind', 'queue')),
    database: databasePath(hiveDb || join('.hive-mind', 'hive.db'), projectRoot),
    databaseIsExplicit: hiveDb !== '',
    queueDir: resolve(env.MENACE_QUEUE_DIR || 'queue'),
    pollInterval: number('QUEUE_POLL_INTERVAL'),
    batchSize: number('QUEUE_BATCH_SIZE'),
    maxRetries: number('QUEUE_MAX_RETRIES'),
    idleExit: number('QUEUE_IDLE_EXIT'),
    processingTimeout: number('QUEUE_PROCESSING_TIMEOUT'),
    busyTimeout: number('SQLITE_BUSY_TIMEOUT'),
    statementTimeout: number('SQLITE_TIMEOUT'),
    useQueue: boolean('USE_QUEUE'),
    durable: boolean('QUEUE_DURABLE'),
    aging: number('QUEUE_AGING'),
    exactlyOnce: boolean('QUEUE_EXACTLY_ONCE'),
    allowAttach: boolean('QUEUE_ALLOW_ATTACH'),
    jobRetention: number('QUEUE_JOB_RETENTION'),
    thresholds: env.QUEUE_THRESHOLDS ?? '',
  };
}

/**
 * Reads and checks what concerns alerts, in the manner of `loadConfig`.
 * @throws QueueError CONFIG. What it says of the URL does not show the URL.
 */
export function loadAlertSettings(env: Env = process.env, onBadValue?: OnBadValue): AlertSettings {
  const reject = rejecting(onBadValue);
  const number = (name: keyof typeof ALERT_NUMBERS): number =>
    readNumber(env, name, ALERT_NUMBERS[name], reject);
  const url = env.QUEUE_ALERT_URL ?? '';
  const isWebhook = url === '' || (/^https?:/i.test(url) && URL.canParse(url));
  if (!isWebhook)
    reject('QUEUE_ALERT_URL is not the URL of a webhook: it must begin with https:// or http://');
  return {
    url: isWebhook ? url : '',
    command: env.QUEUE_ALERT_CMD ?? '',
    outage: number('QUEUE_ALERT_OUTAGE'),
    age: number('QUEUE_ALERT_AGE'),
    disk: number('QUEUE_ALERT_DISK') * 1024 ** 2,
    interval: number('QUEUE_ALERT_INTERVAL'),
  };
}

/** A target as it is named in entries and by sinks: URLs untouched, paths absolute from `root`. */
export function databasePath(name: string, root: string): string {
  return isUrl(name) || isAbsolute(name) ? name : resolve(root, name);
}

/** True for targets such as `postgres://...`, which may hold a password and so never enter an entry file. */
export function isUrl(name: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(name);
}

/**
 * The database that entries name by themselves, so that it is not left to whichever worker runs. Not a URL, which may hold
 * a password: that stays in the environment.
 */
export function namedDatabase({ database, databaseIsExplicit }: Config): string | undefined {
  return databaseIsExplicit && !isUrl(database) ? database : undefined;
}

/** The target of an entry whose `db` is this. A URL there has no password: HIVE_DB may be the same one with it. */
export function targetOf({ database, projectRoot }: Config, db: string | undefined): string {
  if (!db) return database;
  const target = databasePath(db, projectRoot);
  return isUrl(target) && target === shownTarget(database) ? database : target;
}

/** True for a URL that no entry file may hold: what `shownTarget` leaves out is in it. */
export function holdsPassword(target: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?:@]*:[^/?]*@|.*[?&](ssl)?password=)/is.test(target);
}

/** A target as it may be shown: a URL without its password. */
export function shownTarget(target: string): string {
  if (!isUrl(target)) return target;
  // Up to the last @ before the path: a password may hold one that should have been written as %40.
  const shown = target.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?:@]*):[^/?]*@/i, '$1@');
  return shown.replace(/([?&])(password|sslpassword)=[^&]*(&|$)/gi, (_all, before, _name, after) =>
    after === '&' ? before : '',
  );
}

/**
 * The project root: $CLAUDE_PROJECT_DIR, else the nearest parent with a .hive-mind or .git, else the working
 * directory. lib/queue-lib.sh does the same with builtins; the two must agree.
 */
function findProjectRoot(env: Env): string {
  const cwd = workingDirectory(env);
  if (env.CLAUDE_PROJECT_DIR) return resolve(cwd, env.CLAUDE_PROJECT_DIR);
  for (let dir = cwd; ; dir = dirname(dir)) {
    if (existsSync(join(dir, '.hive-mind')) || existsSync(join(dir, '.git'))) return dir;
    if (dir === dirname(dir)) return cwd;
  }
}

/** $PWD when it names the directory we are in (bash walks up the same, symlinks kept), else the physical path. */
function workingDirectory(env: Env): string {
  const physical = process.cwd();
  const logical = env.PWD;
  if (!logical || !isAbsolute(logical)) return physical;
  const a = statSync(logical, { throwIfNoEntry: false });
  const b = statSync(physical, { throwIfNoEntry: false });
  return a && b && a.ino === b.ino && a.dev === b.dev ? resolve(logical) : physical;
}

function rejecting(onBadValue: OnBadValue | undefined): (message: string) => void {
  return (message) => {
    const error = new QueueError('CONFIG', message, { hint: 'Correct the variable or unset it.' });
    if (!onBadValue) throw error;
    onBadValue(error);
  };
}

function readNumber(env: Env, name: string, rule: NumberRule, reject: (message: string) => void): number {
  const text = env[name];
  if (text === undefined || text === '') return rule.fallback;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  const fits = value >= rule.min && value <= rule.max && (!rule.integer || Number.isInteger(value));
  if (fits) return value;
  const kind = rule.integer ? 'a whole number' : 'a number';
  reject(`${name} is '${text}': it must be ${kind} from ${rule.min} to ${rule.max}`);
  return rule.fallback;
}

function readBoolean(env: Env, name: keyof typeof BOOLEANS, reject: (message: string) => void): boolean {
  const text = env[name];
  if (text === undefined || text === '') return BOOLEANS[name];
  if (YES.has(text.toLowerCase())) return true;
  if (NO.has(text.toLowerCase())) return false;
  reject(`${name} is '${text}': it must be true or false`);
  return BOOLEANS[name];
}
