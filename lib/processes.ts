/** Other processes: whether one runs, and what it has open. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
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

/** All processes, where the system tells (Linux). */
export function pids(): number[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/**
 * Whether another process has a file open for writing. It is known by its name alone, which must be like no other: a
 * process in another mount namespace knows it by another path. `unknown`: the system does not tell, or not about all.
 */
export function findWriter(name: string): 'yes' | 'no' | 'unknown' {
  const all = pids();
  let isSure = all.length > 0;
  for (const pid of all) {
    if (pid === process.pid) continue;
    let fds: string[];
    try {
      fds = readdirSync(`/proc/${pid}/fd`);
    } catch (error) {
      const isGone = codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH';
      isSure &&= isGone;
      continue;
    }
    for (const fd of fds) {
      if (linkTarget(`/proc/${pid}/fd/${fd}`).endsWith(`/${name}`) && mayWrite(pid, fd)) return 'yes';
    }
  }
  return isSure ? 'no' : 'unknown';
}

/** By the flags it was opened with: whoever only reads (tail -f) need not be waited for. */
function mayWrite(pid: number, fd: string): boolean {
  try {
    const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))?.[1];
    return flags === undefined || (Number.parseInt(flags, 8) & 3) !== 0;
  } catch {
    // Closed meanwhile; if not, the next look tells.
    return true;
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
