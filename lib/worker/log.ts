/**
 * worker.log: one line an event, `time level message`, rotated to worker.log.1 when it passes 1 MB.
 *
 * Whoever can't print (a hook, the detached worker) complains here; queue-status points to it. Logging never
 * throws: a full disk must not stop the worker that would free it.
 */
import { closeSync, constants, lstatSync, readFileSync, readSync, renameSync } from 'node:fs';
import { QueueError } from '../errors.ts';
import type { Spool } from '../spool/layout.ts';
import { appendOwnFile, openOwnFile } from '../spool/publish.ts';

export type Level = 'info' | 'warn' | 'error';
export type Log = (level: Level, message: string) => void;

export const LOG_ROTATE_BYTES = 1024 * 1024;
const FOLLOW_MS = 250;
/** Messages hold what entries hold, such as the name of an operation: of any length, and to steer a terminal with. */
const MAX_LENGTH = 4000;
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** A logger for the spool; `echo` also gets each line (the terminal of --foreground). */
export function openLog(spool: Spool, echo?: (line: string) => void): Log {
  return (level, message) => {
    const line = `${new Date().toISOString()} ${level} ${message.slice(0, MAX_LENGTH).replace(CONTROLS, ' ')}`;
    echo?.(line);
    try {
      rotateLog(spool);
      appendOwnFile(spool.log, `${line}\n`);
    } catch {}
  };
}

/** Moves a log of over 1 MB to worker.log.1. @returns true when it was moved. */
export function rotateLog(spool: Spool): boolean {
  const stat = lstatSync(spool.log, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.size <= LOG_ROTATE_BYTES) return false;
  renameSync(spool.log, `${spool.log}.1`);
  return true;
}

/** Prints the log, the rotated part first. @returns 0. */
export function printLog(spool: Spool, print: (text: string) => void): number {
  const files = [`${spool.log}.1`, spool.log].filter((path) => lstatSync(path, { throwIfNoEntry: false }));
  if (files.length === 0) {
    throw new QueueError('NOT_FOUND', `there is no ${spool.log}`, { hint: 'No worker has run here yet.' });
  }
  for (const path of files) {
    const fd = openOwnFile(path, constants.O_RDONLY);
    print(readFileSync(fd, 'utf8').trimEnd());
    closeSync(fd);
  }
  return 0;
}

/** Prints the log's last lines and what is added, until the process is interrupted. */
export function followLog(spool: Spool, print: (text: string) => void): Promise<number> {
  let offset = Math.max(0, sizeOf(spool.log) - 4096);
  const more = (): void => {
    const size = sizeOf(spool.log);
    // Rotated: the new file begins at 0.
    if (size < offset) offset = 0;
    if (size === offset) return;
    const fd = openOwnFile(spool.log, constants.O_RDONLY);
    const bytes = Buffer.alloc(size - offset);
    offset += readSync(fd, bytes, 0, bytes.length, offset);
    closeSync(fd);
    print(bytes.toString('utf8').trimEnd());
  };
  more();
  // Not watchFile: it takes its first look later, and what is added before that would be told with the next line.
  setInterval(more, FOLLOW_MS);
  return new Promise((done) => {
    process.once('SIGINT', () => done(0));
    process.once('SIGTERM', () => done(0));
  }).then(() => process.exit(0));
}

function sizeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
