/** The worker, asked more closely than producers have the time for. */
import type { Spool } from '../spool/layout.ts';
import { isSameProcess, livingWorker, type Presence } from '../worker/presence.ts';

/** The living worker, or undefined; a stranger who has its pid by now is none, where the system tells. */
export function presentWorker(spool: Spool): Presence | undefined {
  const worker = livingWorker(spool);
  return worker && isSameProcess(worker) ? worker : undefined;
}
