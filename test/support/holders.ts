/**
 * Who is a worker, seen from outside: what the fault suite judges "one at a time" by.
 *
 * Three witnesses, none of which asks the lock: worker.log, where each holder says that it came and that it leaves;
 * the processes that have the journal open for appending, which only a holder has; and a mark in each row of the
 * connection that inserted it. Marks of workers one after the other stand in one run each.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The table that the statement of `marked` needs. */
export const MARKED_LOG = 'CREATE TABLE log(n INTEGER PRIMARY KEY, t, worker)';

/** SQL that adds the parameter :t to it, with the mark of the connection: a TEMP table is only that connection's. */
export const marked =
  'CREATE TEMP TABLE IF NOT EXISTS myself AS SELECT hex(randomblob(8)) AS mark; ' +
  'INSERT INTO log(t, worker) SELECT :t, mark FROM temp.myself';

/** Fails when a mark comes back after another: then two workers were at it in turns. */
export function assertInRuns(marks: readonly string[]): void {
  const runs = marks.filter((mark, index) => mark !== marks[index - 1]);
  const again = runs.find((mark, index) => runs.indexOf(mark) !== index);
  assert.equal(again, undefined, `two workers in turns: ${runs.join(' ')}`);
}

/**
 * Fails when a worker says that it came while another was there; `killed` have not said goodbye.
 * @returns how many came.
 */
export function assertOneAtATime(log: string, killed: ReadonlySet<number> = new Set()): number {
  let there: number | undefined;
  let count = 0;
  for (const [, pid, leaves] of log.matchAll(/ info worker (\d+) (?:for |(leaves))/g)) {
    if (leaves) {
      assert.equal(Number(pid), there, `worker ${pid} leaves, and ${there} was there:\n${log}`);
      there = undefined;
    } else {
      assert.ok(there === undefined || killed.has(there), `worker ${pid} came beside ${there}:\n${log}`);
      there = Number(pid);
      count += 1;
    }
  }
  return count;
}

/** Pids of the processes that run as a worker in a directory below `dir`, holding its lock or not. */
export function workersBelow(dir: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && isWorker(pid, dir));
}

/** Those of them that have a journal open, and are not about to end: past the lock, applying entries or ready to. */
export function holdersAmong(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      const holds = readdirSync(`/proc/${pid}/fd`).some((fd) =>
        readlinkSync(`/proc/${pid}/fd/${fd}`).includes('/completed/journal-'),
      );
      // One that was killed closes its files one after the other, the lock before the journal.
      return holds && !isExiting(pid);
    } catch {
      return false;
    }
  });
}

/** PF_EXITING in field 9 of /proc/PID/stat (proc(5)). */
function isExiting(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const flags = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[6]);
  return (flags & 0x4) !== 0;
}

function isWorker(pid: number, dir: string): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('/queue-worker\0run') &&
      readlinkSync(`/proc/${pid}/cwd`).startsWith(dir)
    );
  } catch {
    return false;
  }
}
