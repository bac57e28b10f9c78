/**
 * The manifest: which entries are in hand, written to processing/batch before they are applied, removed when they
 * have left pending/.
 *
 * The worker holds the only lock, so entries need not be moved to be owned. After a crash the manifest tells what
 * was in hand: those whose ledger key is there were applied (their journal lines may be missing); one of the
 * others may be what killed the worker.
 *
 * Format: `deaths=N`, then one name a line; suspects that are not in hand are prefixed with `?`, the entry that the
 * watchdog has stopped is named once more behind `!`.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isEntryName } from './entry.ts';
import { FILE_MODE, type Spool } from './layout.ts';
import { replaceFile, unlinkIfThere } from './publish.ts';
import { readOwnFile } from './read.ts';

export interface Manifest {
  /** How many workers have died with just this one entry in hand; 0 while there are several. */
  readonly deaths: number;
  readonly names: readonly string[];
  /** In hand when a worker died, and neither applied nor failed since. */
  readonly suspects: readonly string[];
  /** The entry that ran too long and was stopped together with its worker. */
  readonly stopped?: string;
}

/** The manifest's name in processing/; anything else there is an orphan. */
export const MANIFEST_FILE = 'batch';

/**
 * Replaces the manifest. By unlink and create: truncating a file that has just been written makes ext4 flush it to
 * disk, which cost a tenth of a large drain. A crash in between leaves none, as if this batch had not begun; what
 * the last one had in hand was applied, which its ledger rows tell. With suspects that does not hold: some may wait for
 * their database to be asked, so that manifest is replaced by a rename.
 */
export function writeManifest(spool: Spool, manifest: Manifest): void {
  const names = new Set(manifest.names);
  const others = manifest.suspects.filter((name) => !names.has(name)).map((name) => `?${name}`);
  const stopped = manifest.stopped === undefined ? [] : [`!${manifest.stopped}`];
  const text = [`deaths=${manifest.deaths}`, ...manifest.names, ...others, ...stopped, ''].join('\n');
  const path = join(spool.processing, MANIFEST_FILE);
  if (manifest.suspects.length > 0) return replaceFile(spool, path, text);
  removeManifest(spool);
  writeFileSync(path, text, { mode: FILE_MODE, flag: 'wx' });
}

/** The manifest left behind, or undefined. Torn lines are dropped: their entries are in pending/ all the same. */
export function readManifest(spool: Spool): Manifest | undefined {
  const text = readOwnFile(join(spool.processing, MANIFEST_FILE))?.toString();
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  const doubted = lines.filter((line) => line.startsWith('?')).map((line) => line.slice(1));
  const deaths = Number(/^deaths=(\d+)$/.exec(lines[0] ?? '')?.[1] ?? 0);
  const stopped = lines.find((line) => line.startsWith('!'))?.slice(1);
  const manifest = { deaths, names: lines.filter(isEntryName), suspects: doubted.filter(isEntryName) };
  return stopped !== undefined && isEntryName(stopped) ? { ...manifest, stopped } : manifest;
}

export function removeManifest(spool: Spool): void {
  unlinkIfThere(join(spool.processing, MANIFEST_FILE));
}

/** Files in processing/ that are no manifest: put there by hand or by older tools. */
export function orphanNames(spool: Spool): string[] {
  return readdirSync(spool.processing).filter((name) => name !== MANIFEST_FILE);
}
