import { type Spool } from '../spool/layout.js';
type Env = Readonly<Record<string, string | undefined>>;
/**
 * Starts a worker if none is alive and none was started in the last 5 s. Returns at once; never throws, for the
 * entry is in the spool already: what goes wrong stands in worker.log.
 * @param envOf the environment to start it with, which names its project and database.
 */
export declare function ensureWorker(spool: Spool, envOf?: () => Env): void;
/** Starts a detached worker: own session, no descriptor of ours, reparented as soon as we exit. */
export declare function spawnWorker(spool: Spool, env?: Env): void;
/** Asks the parent of this (supervised) worker to start another when this one is gone. */
export declare function requestRestart(spool: Spool): void;
/** True when the worker `pid`, which is gone, asked for a successor; asks only once. */
export declare function takeRestartRequest(spool: Spool, pid: number): boolean;
/** True for the name in .tmp of a note that a producer has started a worker. */
export declare function isStartNote(name: string): boolean;
/** Takes away the notes of starts, so that the next producer that finds no worker starts one at once. */
export declare function clearStartNotes(spool: Spool): void;
export {};
