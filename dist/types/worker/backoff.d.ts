/** Exponential backoff with jitter, so that many who wait for one thing do not all come back at once. */
/** The pause before try number `attempt` (from 0), in milliseconds. */
export declare function backoff(attempt: number): number;
/** Between half of `ms` and all of it. */
export declare function jitter(ms: number): number;
