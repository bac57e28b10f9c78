/** The worker, asked more closely than producers have the time for. */
import type { Spool } from '../spool/layout.js';
import { type Presence } from '../worker/presence.js';
/** The living worker, or undefined; a stranger who has its pid by now is none, where the system tells. */
export declare function presentWorker(spool: Spool): Presence | undefined;
