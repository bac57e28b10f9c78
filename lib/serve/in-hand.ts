/**
 * What a process of direct writes has in hand, on disk, so that being killed between COMMIT and the journal lines costs
 * no line: the next such process asks the ledger, and writes those that are missing.
 *
 * One file a process beside the doors' notes, in doors/, written over for each batch: its length, a checksum and the
 * batch. A length of 0 says that nothing is. It is no part of what keeps a write: where it can't be written, or a power
 * cut takes it, a line may be missing.
 */
import { closeSync, constants, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { isRunning } from '../processes.ts';
import { doorsDirectory } from '../spool/doors.ts';
import type { Spool } from '../spool/layout.ts';
import { listing } from '../spool/listing.ts';
import { openOwnFile, unlinkIfThere } from '../spool/publish.ts';
import type { DirectItem } from './direct-process.ts';

const HEAD = /^(\d{12}) (\d{10})\n/;
const HEAD_BYTES = 24;

export class InHand {
  readonly #path: string;
  #fd: number | undefined;

  constructor(spool: Spool) {
    this.#path = pathOf(spool, process.pid);
  }

  /** Call it before the batch is written. */
  take(items: readonly DirectItem[]): void {
    try {
      this.#fd ??= openOwnFile(this.#path, constants.O_WRONLY | constants.O_CREAT);
      const body = Buffer.from(JSON.stringify(items));
      const bytes = Buffer.concat([Buffer.from(head(body.length, crc32(body))), body]);
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done, undefined, done);
    } catch {
      this.#close();
    }
  }

  /** Its journal lines are written. */
  settle(): void {
    if (this.#fd !== undefined) writeSync(this.#fd, head(0, 0), 0);
  }

  /** Nothing is in hand any more. */
  end(): void {
    this.#close();
    unlinkIfThere(this.#path);
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** The pids of processes that have ended without an end. */
export function leftInHand(spool: Spool): number[] {
  return listing(doorsDirectory(spool)).flatMap((name) => {
    const pid = Number(/^(\d{1,10})\.direct$/.exec(name)?.[1] ?? Number.NaN);
    return pid === process.pid || (pid > 0 && !isRunning(pid)) ? [pid] : [];
  });
}

/** What it had in hand; nothing when it was killed before it had written that down, and so before it wrote any of it. */
export function readInHand(spool: Spool, pid: number): DirectItem[] {
  const fd = openOwnFile(pathOf(spool, pid), constants.O_RDONLY);
  try {
    const bytes = readFileSync(fd);
    const [, length, sum] = HEAD.exec(bytes.toString('latin1', 0, HEAD_BYTES)) ?? [];
    const body = bytes.subarray(HEAD_BYTES, HEAD_BYTES + Number(length ?? 0));
    if (body.length === 0 || body.length !== Number(length) || crc32(body) !== Number(sum)) return [];
    return JSON.parse(body.toString('utf8')) as DirectItem[];
  } finally {
    closeSync(fd);
  }
}

export function forgetInHand(spool: Spool, pid: number): void {
  unlinkIfThere(pathOf(spool, pid));
}

function head(length: number, sum: number): string {
  return `${String(length).padStart(12, '0')} ${String(sum).padStart(10, '0')}\n`;
}

function pathOf(spool: Spool, pid: number): string {
  return join(doorsDirectory(spool), `${pid}.direct`);
}
