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
/** Each is a look at those who are new since the last. */
const MAX_ROUNDS = 100;

/** The paths a process has open (Linux, one's own processes); undefined where the system does not tell. */
export function openFiles(pid: number): Set<string> | undefined {
  try {
    const directory = `/proc/${pid}/fd`;
    return new Set(readdirSync(directory).map((fd) => linkTarget(join(directory, fd)) ?? ''));
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
 * process in another mount namespace knows it by another path. `unknown`: the system does not tell, or not about all,
 * or not fast enough.
 *
 * A process may hand the file on to a child and end before its turn, or give it another number while it is looked at.
 * So whoever is new is looked at as well, and whoever closed something meanwhile once more, until nobody is left.
 */
export function findWriter(name: string): 'yes' | 'no' | 'unknown' {
  const seen = new Set([process.pid]);
  let isSure = true;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const all = pids();
    // Where the others are hidden, so is the first.
    if (!all.includes(1)) return 'unknown';
    const news = all.filter((pid) => !seen.has(pid));
    if (news.length === 0) return isSure ? 'no' : 'unknown';
    for (const pid of news) {
      const state = stateOf(pid, name);
      if (state === 'writes') return 'yes';
      if (state === 'hidden') isSure = false;
      if (state !== 'changed') seen.add(pid);
    }
  }
  return 'unknown';
}

function stateOf(pid: number, name: string): 'writes' | 'does not' | 'changed' | 'hidden' {
  let fds: string[];
  try {
    fds = readdirSync(`/proc/${pid}/fd`);
  } catch (error) {
    return codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH' ? 'does not' : 'hidden';
  }
  let isChanged = false;
  for (const fd of fds) {
    const target = linkTarget(`/proc/${pid}/fd/${fd}`);
    isChanged ||= target === undefined;
    if (target?.endsWith(`/${name}`) && mayWrite(pid, fd)) return 'writes';
  }
  return isChanged ? 'changed' : 'does not';
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

/** '' when we may not know; undefined when it is gone. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? undefined : '';
  }
}
