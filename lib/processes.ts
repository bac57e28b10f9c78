/** Other processes: whether one runs, and what it has open. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
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

/** The same, but not of a zombie, where the system tells. */
export function isAlive(pid: number): boolean {
  if (!isRunning(pid)) return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return true;
  }
}

/** The paths a process has open (Linux, one's own processes); undefined where the system does not tell. */
export function openFiles(pid: number): Set<string> | undefined {
  try {
    const directory = `/proc/${pid}/fd`;
    return new Set(readdirSync(directory).map((fd) => linkTarget(join(directory, fd))));
  } catch {
    return undefined;
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
