/** The checks of the spool as a place: owner and modes, room, and whether it can be written. */
import { closeSync, fstatSync, lstatSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Config, isUrl } from '../config.ts';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { checkSpool, FILE_MODE, type Spool, spoolDirectories } from '../spool/layout.ts';
import { listing } from '../spool/listing.ts';
import { formatBytes, printable } from '../terminal/text.ts';
import { type Answer, fault, ok, warning } from './findings.ts';

const LITTLE_SPACE = 100 * 1024 * 1024;
const NO_SPACE = 8 * 1024 * 1024;
const FEW_INODES = 10_000;
const NO_INODES = 100;
/** More files than this in one directory are not all looked at: a million would take seconds. */
const MAX_FILES = 10_000;

export function isSpoolThere(spool: Spool): boolean {
  return lstatSync(spool.base, { throwIfNoEntry: false }) !== undefined;
}

export function checkDirectories(_config: Config, spool: Spool): Answer | Answer[] {
  if (!isSpoolThere(spool)) return fault(`there is no spool at ${spool.base}`, 'Run: queue-init');
  const faults = partsOf(spool).flatMap((part) => {
    try {
      checkSpool(part);
      return [];
    } catch (error) {
      // Below what is no directory there is nothing to look at, and that one has its line.
      if (codeOf(error) === 'ENOTDIR') return [];
      if (!(error instanceof QueueError)) throw error;
      return [fault(error.message, error.hint ?? 'Use a spool of your own.')];
    }
  });
  if (faults.length > 0) return faults;
  const missing = spoolDirectories(spool).filter((path) => !lstatSync(path, { throwIfNoEntry: false }));
  if (missing.length > 0) return warning(`missing: ${missing.join(', ')}`, 'Run: queue-init');
  return ok(`${spool.base}, mode 0700, yours`);
}

/** checkSpool stops at its first fault: it is shown one directory at a time, so that each has its line. */
function partsOf(spool: Spool): Spool[] {
  const all = ['base', 'values', 'pending', 'processing', 'completed', 'failed', 'tmp'] as const;
  return all.map((key) => {
    const only = Object.fromEntries(all.map((other) => [other, spool[key]]));
    return { ...spool, ...only };
  });
}

export function checkWritable(_config: Config, spool: Spool): Answer {
  const path = join(spool.tmp, `${process.pid}-verify`);
  try {
    const fd = openSync(path, 'wx', FILE_MODE);
    try {
      writeSync(fd, 'verify\n');
      if (fstatSync(fd).size !== 7) return fault('the disk is full', 'Free some space on the disk.');
    } finally {
      closeSync(fd);
      unlinkSync(path);
    }
  } catch (error) {
    return fault(messageOf(error), 'Free space, or give this user write permission on the spool.');
  }
  return ok('a file can be written and removed');
}

export function checkSpace(config: Config, spool: Spool): Answer[] {
  const own = isUrl(config.database) ? [] : [dirname(config.database)];
  const places = [...new Set([spool.base, ...own])].filter((path) =>
    lstatSync(path, { throwIfNoEntry: false }),
  );
  return places.map((path) => {
    const { bavail, bsize, files, ffree } = statfsSync(path);
    const free = bavail * bsize;
    const advice = 'Free some space: queue-cleanup compresses the journal.';
    const detail = `${formatBytes(free)} free at ${path}`;
    if (free < NO_SPACE) return fault(detail, advice);
    // File systems without a fixed number of inodes report none.
    const isInodesKnown = files > 0;
    if (isInodesKnown && ffree < NO_INODES)
      return fault(`${ffree} inodes free at ${path}`, 'Remove some files.');
    if (free < LITTLE_SPACE) return warning(detail, advice);
    if (isInodesKnown && ffree < FEW_INODES)
      return warning(`${ffree} inodes free at ${path}`, 'Remove some files.');
    return ok(isInodesKnown ? `${detail}, ${ffree} inodes` : detail);
  });
}

export function checkModes(_config: Config, spool: Spool): Answer {
  const directories = [spool.base, ...spoolDirectories(spool)];
  let looked = 0;
  let left = 0;
  const open: string[] = [];
  for (const directory of directories) {
    const names = listing(directory);
    left += Math.max(0, names.length - MAX_FILES);
    for (const name of names.slice(0, MAX_FILES)) {
      const path = join(directory, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (!stat?.isFile()) continue;
      looked += 1;
      if ((stat.mode & 0o077) !== 0 && process.geteuid) open.push(path);
    }
  }
  if (open.length > 0) {
    const [first = ''] = open;
    return warning(
      `${open.length} files may be read by others, such as ${printable(first)}`,
      `Run: chmod -R go= '${spool.base}'`,
    );
  }
  return ok(left > 0 ? `${looked} files, ${left} not looked at` : `${looked} files`);
}
