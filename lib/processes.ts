/** Whether another process runs. */
import { codeOf } from './errors.ts';

/** True of someone else's, too, and of a zombie; the pid may have been given to another process since. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
