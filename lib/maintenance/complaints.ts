/** The last warnings and errors of worker.log: what could not be said to anyone when it happened. */
import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import type { Spool } from '../spool/layout.ts';
import { openOwnFile } from '../spool/publish.ts';

export interface Complaint {
  /** ISO 8601, with its zone. */
  readonly time: string;
  readonly level: 'warn' | 'error';
  readonly message: string;
}

const TAIL_BYTES = 64 * 1024;
/** Two forms of time: ours, and that of the bash library (`+0000` for Z). */
const LINE = /^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d{4})) (warn|error) (.*)$/;

/** The last `count` complaints in the last 64 KB of the log, oldest first; none when there is no log. */
export function recentComplaints(spool: Spool, count: number): Complaint[] {
  return tailOf(spool.log)
    .split('\n')
    .flatMap((line) => {
      const [, time, level, message] = LINE.exec(line) ?? [];
      return time && level && message ? [{ time, level: level as Complaint['level'], message }] : [];
    })
    .slice(-count);
}

function tailOf(path: string): string {
  let fd: number;
  try {
    fd = openOwnFile(path, constants.O_RDONLY);
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const length = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}
