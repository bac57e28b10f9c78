/**
 * The files that lines end in: queue.log.bak, TABLE_queue.error.jsonl, TABLE_queue.failed.jsonl, queue.failed.jsonl.
 *
 * They are only appended to. A batch's transaction notes how long they were before it; after a crash what stands behind
 * that length is compared with what the batch adds, and the rest of it is appended. So nothing is ever cut off, whatever
 * others have done to the files since.
 */
import { closeSync, constants, fdatasyncSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { FILE_MODE } from '../spool/layout.ts';
import { writeAll } from '../spool/publish.ts';
import { ERROR_SUFFIX, FAILED_SUFFIX, type QueuePlace, refusalOf, type TakenFile, writing } from './place.ts';
import type { Failure, Item } from './record.ts';
import { errorRecord, failureRecord } from './record.ts';

export type Output = 'log' | 'error' | 'failed' | 'all';
export type Sizes = Partial<Record<Output, number>>;
/** What a batch adds. */
export type Additions = Partial<Record<Output, Buffer>>;

const NEWLINE = Buffer.from('\n');
const FLAGS =
  constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What these lines become. */
export function additionsOf(
  file: TakenFile,
  items: readonly Item[],
  failures: ReadonlyMap<number, Failure>,
  at: string,
): Additions {
  const log: Buffer[] = [];
  let error = '';
  let failed = '';
  for (const item of items) {
    const { parsed } = item;
    if (parsed.kind === 'blank') continue;
    const failure = failures.get(item.start);
    if (parsed.kind === 'malformed') error += errorRecord(file, item, at);
    else if (failure) failed += failureRecord(file, item, failure, at);
    else log.push(parsed.kept(), NEWLINE);
  }
  return {
    ...(log.length > 0 ? { log: Buffer.concat(log) } : {}),
    ...(error === '' ? {} : { error: Buffer.from(error) }),
    ...(failed === '' ? {} : { failed: Buffer.from(failed), all: Buffer.from(failed) }),
  };
}

export class Outputs {
  readonly #place: QueuePlace;
  readonly #open = new Map<string, number>();

  constructor(place: QueuePlace) {
    this.#place = place;
  }

  /** How long the files are that get something. @throws QueueError when one of them can't be written. */
  sizes(file: TakenFile, additions: Additions): Sizes {
    const sizes: Sizes = {};
    for (const output of namesOf(additions)) {
      const path = this.#path(file, output);
      sizes[output] = writing(path, () => fstatSync(this.#fd(path)).size);
    }
    return sizes;
  }

  /**
   * Appends what is not there yet, and has it on disk before it returns.
   * @param sizes how long the files were before any of it was appended.
   */
  append(file: TakenFile, additions: Additions, sizes: Sizes): void {
    for (const output of namesOf(additions)) {
      const path = this.#path(file, output);
      writing(path, () => {
        const fd = this.#fd(path);
        writeAll(fd, missing(fd, additions[output] as Buffer, sizes[output] ?? 0));
        fdatasyncSync(fd);
      });
    }
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #path(file: TakenFile, output: Output): string {
    const { dir, log, failed } = this.#place;
    if (output === 'log') return log;
    if (output === 'all') return failed;
    return join(dir, file.table + (output === 'error' ? ERROR_SUFFIX : FAILED_SUFFIX));
  }

  #fd(path: string): number {
    const known = this.#open.get(path);
    if (known !== undefined && fstatSync(known).nlink > 0) return known;
    if (known !== undefined) closeSync(known);
    this.#open.delete(path);
    const fd = openSync(path, FLAGS, FILE_MODE);
    this.#open.set(path, fd);
    const why = refusalOf(fstatSync(fd));
    if (why === undefined) return fd;
    this.#open.delete(path);
    closeSync(fd);
    throw new Error(`it ${why}`);
  }
}

function namesOf(additions: Additions): Output[] {
  return Object.keys(additions) as Output[];
}

/** Which part of `bytes` does not stand at `size` yet; all of it when something else does. */
function missing(fd: number, bytes: Buffer, size: number): Buffer {
  const wanted = endsInLine(fd, size) ? bytes : Buffer.concat([NEWLINE, bytes]);
  const length = fstatSync(fd).size;
  if (length <= size)
    return length === size || endsInLine(fd, length) ? wanted : Buffer.concat([NEWLINE, wanted]);
  const tail = Buffer.alloc(Math.min(wanted.length, length - size));
  for (let got = 0; got < tail.length; ) {
    const more = readSync(fd, tail, got, tail.length - got, size + got);
    if (more === 0) break;
    got += more;
  }
  if (tail.equals(wanted.subarray(0, tail.length))) return wanted.subarray(tail.length);
  return endsInLine(fd, length) ? bytes : Buffer.concat([NEWLINE, bytes]);
}

/** True when what is appended at this offset begins a line. */
function endsInLine(fd: number, size: number): boolean {
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  return readSync(fd, last, 0, 1, size - 1) === 0 || last[0] === NEWLINE[0];
}
