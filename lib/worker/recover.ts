/**
 * Recovery: what a new worker does about what the last one left.
 *
 * The manifest names what was in hand. Entries whose key is in the ledger were applied: their journal lines are
 * completed, in order, and they are removed. The others stay in pending/ as suspects: one of them may have killed
 * the worker, so batches are halved until the suspects are settled, and an entry that was alone in hand at
 * MAX_DEATHS deaths is buried. Everything here can be interrupted and done again.
 */
import { type Stats as FileStats, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf } from '../errors.ts';
import { type Sink, SinkOutage } from '../sink/sink.ts';
import { buryEntry, buryFile } from '../spool/deadletter.ts';
import { isEntryName } from '../spool/entry.ts';
import type { Journal } from '../spool/journal.ts';
import type { Spool } from '../spool/layout.ts';
import { type Manifest, orphanNames, readManifest, removeManifest } from '../spool/manifest.ts';
import { moveNew, unlinkIfThere } from '../spool/publish.ts';
import { countFailed, type Stats } from '../spool/stats.ts';
import { type IntakeContext, type Item, takeIn } from './intake.ts';
import type { Log } from './log.ts';
import { journalLine } from './settle.ts';

const MAX_DEATHS = 3;
/** A producer's file is in .tmp for milliseconds. */
const STALE_TEMPORARY_MS = 10 * 60 * 1000;

export interface Suspicion {
  /** Names in hand at a worker's death and not settled since. */
  readonly suspects: Set<string>;
  /** Deaths with the one entry in hand alone. */
  readonly deaths: number;
  /** The most entries in one batch while there are suspects. */
  readonly limit: number;
}

export const NO_SUSPICION: Suspicion = { suspects: new Set(), deaths: 0, limit: Number.POSITIVE_INFINITY };

export interface RecoveryContext extends IntakeContext {
  readonly journal: Journal;
  readonly stats: Stats;
  readonly log: Log;
  readonly sinkFor: (target: string) => Sink;
}

/**
 * Settles the manifest that was left behind.
 * @throws SinkOutage when a database can't be asked; nothing is then changed, and the caller tries again.
 */
export function recoverBatch(context: RecoveryContext): Suspicion {
  const manifest = readManifest(context.spool);
  if (!manifest) return NO_SUSPICION;
  const items = manifest.names.flatMap((name) => {
    const intake = takeIn(context, name);
    return intake.kind === 'item' ? [intake.item] : [];
  });
  const applied = appliedNames(context, items);
  finishApplied(context, items, applied);
  const left = items.filter((item) => !applied.has(item.name));
  const suspicion = suspect(context, manifest, left);
  context.log('info', `recovered: ${applied.size} entries were applied, ${left.length} were not`);
  removeManifest(context.spool);
  return suspicion;
}

/** Entry files in processing/ go back to pending/; other things there go to failed/. @returns how many. */
export function recoverOrphans(spool: Spool, minAgeMs: number, log: Log): number {
  let moved = 0;
  for (const name of orphanNames(spool)) {
    const path = join(spool.processing, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat || Date.now() - stat.mtimeMs < minAgeMs) continue;
    try {
      recoverOrphan(spool, name, stat, log);
      moved += 1;
    } catch (error) {
      // One that can't be moved must not keep the worker from its work.
      if (codeOf(error) === undefined) throw error;
      log('warn', `${name} stays in processing/: ${messageOf(error)}`);
    }
  }
  return moved;
}

function recoverOrphan(spool: Spool, name: string, stat: FileStats, log: Log): void {
  if (
    stat.isFile() &&
    isEntryName(name) &&
    moveNew(join(spool.processing, name), join(spool.pending, name))
  ) {
    log('info', `the orphan ${name} is back in pending/`);
    return;
  }
  const message = 'it was found in processing/ and can not go back to pending/';
  buryFile(spool, name, { code: 'BAD_ENTRY', message, at: new Date().toISOString() }, spool.processing);
  log('warn', `${name}: ${message}; it is in failed/`);
}

/** Temporary files that a killed process left in .tmp. @returns their names. */
export function staleTemporaries(spool: Spool, minAgeMs = STALE_TEMPORARY_MS): string[] {
  return readdirSync(spool.tmp).filter((name) => {
    const stat = lstatSync(join(spool.tmp, name), { throwIfNoEntry: false });
    return stat !== undefined && !stat.isDirectory() && Date.now() - stat.mtimeMs >= minAgeMs;
  });
}

/** Removes them. @returns how many. */
export function removeStaleTemporaries(spool: Spool): number {
  const names = staleTemporaries(spool);
  for (const name of names) {
    try {
      unlinkIfThere(join(spool.tmp, name));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }
  return names.length;
}

function appliedNames(context: RecoveryContext, items: readonly Item[]): Set<string> {
  const names = new Set<string>();
  for (const target of new Set(items.map((item) => item.target))) {
    const own = items.filter((item) => item.target === target);
    const keys = sinkOf(context, target)?.applied(own.map((item) => item.key)) ?? new Set();
    for (const item of own) if (keys.has(item.key)) names.add(item.name);
  }
  return names;
}

/** undefined for a target that can be none: nothing was applied there, and its entries are about to be buried. */
function sinkOf(context: RecoveryContext, target: string): Sink | undefined {
  try {
    return context.sinkFor(target);
  } catch (error) {
    if (error instanceof SinkOutage) throw error;
    return undefined;
  }
}

function finishApplied(context: RecoveryContext, items: readonly Item[], applied: ReadonlySet<string>): void {
  if (applied.size === 0) return;
  const journaled = context.journal.recent(applied);
  const missing = items.filter((item) => applied.has(item.name) && !journaled.has(item.name));
  const now = new Date().toISOString();
  context.journal.append(missing.map((item) => journalLine(item, now)));
  for (const name of applied) unlinkIfThere(join(context.spool.pending, name));
  context.stats.processed += applied.size;
}

function suspect(context: RecoveryContext, manifest: Manifest, left: readonly Item[]): Suspicion {
  const only = left.length === 1 ? left[0] : undefined;
  const deaths = only ? manifest.deaths + 1 : 0;
  if (only && deaths >= MAX_DEATHS) {
    const message = `the worker died ${deaths} times while this entry was in hand alone`;
    const hint = 'Look at its SQL; queue-failed retry tries it again.';
    buryEntry(context.spool, only.name, only.entry, {
      code: 'POISON',
      message,
      at: new Date().toISOString(),
      hint,
    });
    countFailed(context.stats, only.entry.operation);
    context.log('error', `${only.name} (${only.entry.operation}) is in failed/: ${message}`);
    return manifest.suspects.length === 0
      ? NO_SUSPICION
      : { suspects: new Set(manifest.suspects), deaths: 0, limit: 1 };
  }
  const suspects = new Set([...left.map((item) => item.name), ...manifest.suspects]);
  if (suspects.size === 0) return NO_SUSPICION;
  return { suspects, deaths, limit: Math.max(1, Math.floor(left.length / 2)) };
}
