import { type Stats } from 'node:fs';
import { QueueError } from '../errors.js';
export interface QueuePlace {
    /** The queue directory: absolute, no symlink. */
    readonly dir: string;
    readonly taken: string;
    readonly lock: string;
    readonly holder: string;
    /** Says which database the files in .taken/ go to. */
    readonly target: string;
    readonly log: string;
    /** The failures of all tables. */
    readonly failed: string;
}
/** A file in .taken/. */
export interface TakenFile {
    /** Like no other name, here or elsewhere: `_queue_sync` and the hashes of lines go by it. */
    readonly name: string;
    readonly path: string;
    /** Of the name that it was taken under. */
    readonly table: string;
    /** `failed`: its lines are records of failures, with the line inside. */
    readonly kind: Kind;
    /** Microseconds since 1970. */
    readonly takenAt: number;
}
export type Kind = 'queue' | 'failed';
/** A queue file that can't be taken. */
export interface Refusal {
    readonly path: string;
    /** Completes "PATH ...". */
    readonly why: string;
}
export declare const FAILED_SUFFIX = "_queue.failed.jsonl";
export declare const ERROR_SUFFIX = "_queue.error.jsonl";
/** @throws QueueError when there is no such directory. */
export declare function queuePlace(directory: string): QueuePlace;
/** @throws QueueError when .taken/ can't be made, or is no directory of this user's alone. */
export declare function ensureTaken({ dir, taken }: QueuePlace): void;
export declare function unwritable(path: string, error: unknown): QueueError;
/** @throws QueueError naming the path, for whatever `work` throws. */
export declare function writing<T>(path: string, work: () => T): T;
/** The tables of which there are files with this suffix, in the order of their names. */
export declare function tablesWith(place: QueuePlace, suffix: string): string[];
/** True of the names that programs give their files. */
export declare function isQueueFile(name: string): boolean;
/** What is in .taken/, oldest first. */
export declare function takenFiles(place: QueuePlace): TakenFile[];
/** Files whose lines are all settled, and which a crash has kept from going: their paths by the names they had. */
export declare function doneFiles(place: QueuePlace): Map<string, string>;
/** The name by which a file is known to be settled. */
export declare function donePath({ path }: TakenFile): string;
/** Takes the queue files that are there; programs that open theirs from now on make new ones. */
export declare function takeAll(place: QueuePlace): Refusal[];
/** Takes a file of failures. */
export declare function takeFailed(place: QueuePlace, table: string): Refusal | undefined;
/** Why something is no queue file, undefined when it may be one. */
export declare function refusalOf(stat: Stats | undefined): string | undefined;
