/** Large files, in pieces: checksums, compression, and what must be on disk before it counts. */
import { closeSync, createReadStream, createWriteStream, fsyncSync, openSync, readSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createGunzip, createGzip } from 'node:zlib';
import { QueueError } from '../../errors.ts';
import { FILE_MODE } from '../../spool/layout.ts';
import { writeAll } from '../../spool/publish.ts';
import { formatBytes } from '../../terminal/text.ts';
import { withDatabase } from '../database/open.ts';
import { sizeOf } from '../database/pages.ts';
import { freeBytes } from '../database/space.ts';

/** gzip makes a database a third or less; what is in a compressed one is at most about so many times larger. */
export const UNPACKED_RATIO = 5;
const CHUNK_BYTES = 1024 * 1024;
/** SQLite's files and ours beside the copy. */
const SLACK_BYTES = 4 * 1024 * 1024;

/** Writes a new file (mode 0600) and syncs it. */
export function writeSynced(path: string, text: string): void {
  const fd = openSync(path, 'wx', FILE_MODE);
  try {
    writeAll(fd, Buffer.from(text));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a file's content survive a power cut. */
export function syncFile(path: string): void {
  const fd = openSync(path, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** CRC-32 of a file, eight hex digits. */
export function checksumOf(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let sum = 0;
    for (;;) {
      const length = readSync(fd, chunk);
      if (length === 0) return sum.toString(16).padStart(8, '0');
      sum = crc32(chunk.subarray(0, length), sum);
    }
  } finally {
    closeSync(fd);
  }
}

/** gzip from one file into a new one. */
export async function compress(from: string, to: string, onBytes: (done: number) => void): Promise<void> {
  await pipeline(
    createReadStream(from, { highWaterMark: CHUNK_BYTES }),
    counter(onBytes),
    createGzip(),
    writer(to),
  );
}

/**
 * gunzip from one file into a new one, or, if it is not compressed, a plain copy.
 * @throws zlib's errors (Z_BUF_ERROR: truncated; Z_DATA_ERROR: damaged), system errors.
 */
export async function unpack(from: string, to: string, onBytes: (done: number) => void): Promise<void> {
  const source = createReadStream(from, { highWaterMark: CHUNK_BYTES });
  if (from.endsWith('.gz')) await pipeline(source, counter(onBytes), createGunzip(), writer(to));
  else await pipeline(source, counter(onBytes), writer(to));
}

/** @throws QueueError DATABASE when `directory` has not so many bytes left. */
export function checkSpace(directory: string, bytes: number, what: string): void {
  const free = freeBytes(directory);
  const needed = bytes + SLACK_BYTES;
  if (free >= needed) return;
  throw new QueueError(
    'DATABASE',
    `the disk of ${directory} is too full for ${what}: ${formatBytes(needed)} are needed, ${formatBytes(free)} are free`,
    {
      hint: 'Free space, or name a directory on another disk.',
    },
  );
}

/** Leaves WAL mode: one file, which can be read where nothing can be written. */
export function leaveWal(database: string): void {
  withDatabase(database, {}, (db) => db.pragma('journal_mode = DELETE'));
}

/** Enters it, as the worker would: a reader that came before the worker could keep it from that. */
export function enterWal(database: string): void {
  withDatabase(database, {}, (db) => db.pragma('journal_mode = WAL'));
}

/** Bytes of a database and what its -wal would add to it. */
export function databaseBytes(path: string): number {
  return sizeOf(path) + sizeOf(`${path}-wal`);
}

function writer(path: string): ReturnType<typeof createWriteStream> {
  return createWriteStream(path, { flags: 'wx', mode: FILE_MODE });
}

function counter(onBytes: (done: number) => void): Transform {
  let done = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      onBytes(done);
      next(undefined, chunk);
    },
  });
}
