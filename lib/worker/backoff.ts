/** Exponential backoff with jitter, so that many who wait for one thing do not all come back at once. */

const FIRST_MS = 50;
/** Work goes on within a second of the database's return. */
const MAX_MS = 800;

/** The pause before try number `attempt` (from 0), in milliseconds. */
export function backoff(attempt: number): number {
  return jitter(Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(attempt, 10)));
}

/** Between half of `ms` and all of it. */
export function jitter(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}
