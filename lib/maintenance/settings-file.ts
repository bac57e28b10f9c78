/**
 * Reading and replacing a settings file that belongs to the user: whole or not at all, with its mode and owner, at
 * the end of whatever symlinks lead to it, and never over a change that someone made in between.
 */
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { fsyncDirectory, unlinkIfThere } from '../spool/publish.ts';

const BOM = '\uFEFF';

export interface SettingsFile {
  /** As the user named it. */
  readonly path: string;
  /** The file itself, behind symlinks. */
  readonly target: string;
  /** Its text without a byte order mark; undefined when there is no file. */
  readonly text: string | undefined;
  readonly bom: boolean;
}

/** @throws QueueError SETTINGS when it is there and can't be read as text. */
export function readSettings(path: string): SettingsFile {
  try {
    const target = resolveLinks(path);
    const bytes = target === undefined ? undefined : readRegular(target);
    if (target === undefined || bytes === undefined)
      return { path, target: path, text: undefined, bom: false };
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const bom = text.startsWith(BOM);
    return { path, target, text: bom ? text.slice(1) : text, bom };
  } catch (error) {
    throw refused(path, 'read', error);
  }
}

/**
 * Puts `text` in its place; undefined removes the file.
 * @throws QueueError SETTINGS; the file is then as it was.
 */
export function replaceSettings(file: SettingsFile, text: string | undefined): void {
  const { path, target } = file;
  try {
    if (readSettings(path).text !== file.text)
      throw new Error('another program changed it at the same moment; run this again');
    if (text === undefined) unlinkSync(target);
    else writeWhole(target, (file.bom ? BOM : '') + text);
  } catch (error) {
    throw error instanceof QueueError ? error : refused(path, 'written', error);
  }
}

/**
 * By way of a file beside it. Not with write-file-atomic, which takes a short write (a full disk) for a whole one:
 * here the file replaced is the user's only copy.
 */
function writeWhole(target: string, text: string): void {
  const directory = dirname(target);
  mkdirSync(directory, { recursive: true });
  const old = statSync(target, { throwIfNoEntry: false });
  const temporary = join(directory, `.${basename(target)}.${randomUUID()}.tmp`);
  try {
    writeFileSync(temporary, text, { flag: 'wx', flush: true });
    if (old) likeBefore(temporary, old);
    renameSync(temporary, target);
  } catch (error) {
    unlinkIfThere(temporary);
    throw error;
  }
  fsyncDirectory(directory);
}

function likeBefore(path: string, old: Stats): void {
  const now = statSync(path);
  if (now.uid !== old.uid || now.gid !== old.gid) chownSync(path, old.uid, old.gid);
  chmodSync(path, old.mode & 0o7777);
}

/** The path behind all symlinks; undefined when nothing is there. */
function resolveLinks(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  // A link to nothing would be replaced by a file, and the link be lost.
  if (isLink(path)) throw new Error('it is a symlink to a file that is not there');
  return undefined;
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

/** Asks first: reading a FIFO would wait for ever. */
function readRegular(path: string): Buffer {
  if (!statSync(path).isFile()) throw new Error('it is not a regular file');
  return readFileSync(path);
}

function refused(path: string, verb: string, error: unknown): QueueError {
  return new QueueError('SETTINGS', `${path} can't be ${verb}: ${messageOf(error)}`, {
    hint: 'Nothing was changed.',
    cause: error,
  });
}
