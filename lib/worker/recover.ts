/**
 * Recovery: what a new worker does about what the last one left.
 *
 * The manifest names what was in hand. Entries whose key is in the ledger were applied: their journal lines are
 * completed, in order, their jobs are told, and they are removed. The others stay in pending/ as suspects: one of them may have killed
 * the worker, so batches are halved until the suspects are settled, and an entry that was alone in hand at
 * MAX_DEATHS deaths is buried. Everything here can be interrupted and done again.
 */
import { type Stats as FileStats, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf } from '../errors.ts';
import { SinkOutage } from '../sink/outage.ts';
import type { Sink } from '../sink/sink.ts';
import { buryEntry, buryFile } from '../spool/deadletter.ts';
import { type EntryError, isEntryName } from '../spool/entry.ts';
import type { Journal } from '../spool/journal.ts';
import type { Spool } from '../spool/layout.ts';
import {
  type Manifest,
  orphanNames,
  readManifest,
  removeManifest,
  writeManifest,
} from '../spool/manifest.ts';
import { moveNew, unlinkIfThere } from '../spool/publish.ts';
import { countFailed, type Stats } from '../spool/stats.ts';
import { removeValues } from '../spool/values.ts';
import type { Accounts } from './accounts.ts';
import { doneFate, failedFate } from './fates.ts';
import { type IntakeContext, type Item, takeIn } from './intake.ts';
import type { Log } from './log.ts';
import { journalLine, withoutLine } from './settle.ts';
import type { WorkerSummary } from './work.ts';

const MAX_DEATHS = 3;
/** A producer's file is in .tmp for milliseconds. */
const STALE_TEMPORARY_MS = 10 * 60 * 1000;

export interface Suspicion {
  /** Names in hand at a worker's death and not settled since. */
  readonly suspects: Set<string>;
  /** Of those, the ones whose database could not be asked; it is before anything else is applied to it. */
  readonly undecided: Set<string>;
  /** Deaths with the one entry in hand alone. */
  readonly deaths: number;
  /** The most entries in one batch while there are suspects. */
  readonly limit: number;
}

export const NO_SUSPICION: Suspicion = {
  suspects: new Set(),
  undecided: new Set(),
  deaths: 0,
  limit: Number.POSITIVE_INFINITY,
};

interface SettlingContext extends IntakeContext {
  readonly accounts: Accounts;
  readonly journal: Journal;
  readonly stats: Stats;
}

export interface RecoveryContext extends SettlingContext {
  /** Names whose transaction this process has committed; without a ledger only it knows. */
  readonly committed: ReadonlySet<string>;
  /** The first recovery of a process follows a death of the last one; a later one follows a fault of the spool. */
  readonly isRestart: boolean;
  readonly summary: WorkerSummary;
  readonly log: Log;
  readonly sinkFor: (target: string) => Sink;
}

/**
 * Settles the manifest that was left behind. Entries whose database can't be asked now stay in it, and where they are,
 * for `decide`.
 */
export function recoverBatch(context: RecoveryContext): Suspicion {
  const manifest = readManifest(context.spool);
  if (!manifest) return NO_SUSPICION;
  const items = manifest.names.flatMap((name) => {
    const intake = takeIn(context, name);
    return intake.kind === 'item' ? [intake.item] : [];
  });
  const { applied, undecided } = appliedNames(context, items);
  finishApplied(context, items, applied, manifest.stopped);
  buryStopped(
    context,
    items.find((item) => item.name === manifest.stopped),
    applied,
  );
  const left = items.filter(
    ({ name }) => !applied.has(name) && !undecided.has(name) && name !== manifest.stopped,
  );
  const suspicion = suspect(context, manifest, left, undecided);
  // A spool that can't be written is recovered with every try.
  if (items.length > 0) {
    context.log('info', `recovered: ${applied.size} entries were applied, ${left.length} were not`);
  }
  if (undecided.size === 0) removeManifest(context.spool);
  else writeManifest(context.spool, { deaths: 0, names: [...undecided], suspects: [...suspicion.suspects] });
  return suspicion;
}

/**
 * Settles what recovery left undecided of one database. To be called before that takes anything new: what was applied
 * first comes first in the journal.
 * @returns the names that were applied.
 * @throws SinkOutage, system errors; all stay undecided then.
 */
export function decide(
  context: SettlingContext,
  undecided: Set<string>,
  target: string,
  sink: Sink,
): Set<string> {
  const intakes = [...undecided].map((name) => ({ name, intake: takeIn(context, name) }));
  const items = intakes.flatMap(({ intake }) => (intake.kind === 'item' ? [intake.item] : []));
  const own = items.filter((item) => item.target === target);
  const keys = sink.applied(own.map((item) => item.key));
  const applied = new Set(own.filter((item) => keys.has(item.key)).map((item) => item.name));
  finishApplied(context, own, applied, undefined);
  const others = new Set(items.filter((item) => item.target !== target).map((item) => item.name));
  for (const { name } of intakes) if (!others.has(name)) undecided.delete(name);
  return applied;
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
  const message = "it was found in processing/ and can't go back to pending/";
  buryFile(spool, name, { code: 'BAD_ENTRY', message, at: new Date().toISOString() }, spool.processing);
  log('warn', `${name}: ${message}; it is in failed/`);
}

/** Temporary files that a killed process left in .tmp. @returns their paths. */
export function staleTemporaries(spool: Spool, minAgeMs = STALE_TEMPORARY_MS): string[] {
  const paths = readdirSync(spool.tmp).map((name) => join(spool.tmp, name));
  return paths.filter((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat !== undefined && !stat.isDirectory() && Date.now() - stat.mtimeMs >= minAgeMs;
  });
}

interface Findings {
  readonly applied: Set<string>;
  /** Their database can't be asked now. */
  readonly undecided: Set<string>;
}

function appliedNames(context: RecoveryContext, items: readonly Item[]): Findings {
  const applied = new Set(items.map((item) => item.name).filter((name) => context.committed.has(name)));
  const undecided = new Set<string>();
  for (const target of new Set(items.map((item) => item.target))) {
    const own = items.filter((item) => item.target === target);
    const keys = appliedKeys(context, target, own);
    for (const { name, key } of own) {
      if (keys === undefined) undecided.add(name);
      else if (keys.has(key)) applied.add(name);
    }
  }
  for (const name of applied) undecided.delete(name);
  return { applied, undecided };
}

/** undefined when the database can't be asked; none for a target that can be none, whose entries will be buried. */
function appliedKeys(
  context: RecoveryContext,
  target: string,
  items: readonly Item[],
): Set<string> | undefined {
  try {
    return context.sinkFor(target).applied(items.map((item) => item.key));
  } catch (error) {
    return error instanceof SinkOutage ? undefined : new Set();
  }
}

/** The entry that the watchdog has stopped: a part of it may be applied, which its ledger row tells. */
function buryStopped(context: RecoveryContext, item: Item | undefined, applied: ReadonlySet<string>): void {
  if (!item) return;
  const ms = context.config.statementTimeout;
  const committed = applied.has(item.name);
  const message = committed
    ? `the statements before it are applied, but the last one ran longer than ${ms} ms and was stopped`
    : `it ran longer than ${ms} ms and was stopped`;
  const hint = committed
    ? 'Queue the last statement again as an entry of its own.'
    : 'Raise SQLITE_TIMEOUT (milliseconds) if it needs longer, then queue-failed retry.';
  bury(context, item, { code: 'SQLITE_TIMEOUT', message, at: new Date().toISOString(), hint });
}

function bury(context: RecoveryContext, item: Item, error: EntryError): void {
  const { name, entry, values } = item;
  context.accounts.record(failedFate(item, error));
  buryEntry(context.spool, name, entry, error);
  removeValues(context.spool, name, values);
  countFailed(context.stats, entry.operation);
  context.summary.failed += 1;
  context.log('error', `${name} (${entry.operation}) is in failed/: ${error.message}`);
}

/** All but `kept` leave pending/ here: that one gets a dead letter first. */
function finishApplied(
  context: SettlingContext,
  items: readonly Item[],
  applied: ReadonlySet<string>,
  kept: string | undefined,
): void {
  if (applied.size === 0) return;
  const done = items.filter((item) => applied.has(item.name));
  const missing = withoutLine(context, done);
  const now = new Date().toISOString();
  context.journal.append(missing.map((item) => journalLine(item, now)));
  context.accounts.record(done.filter(({ name }) => name !== kept).flatMap((item) => doneFate(item)));
  for (const { name, values } of items) {
    if (!applied.has(name) || name === kept) continue;
    unlinkIfThere(join(context.spool.pending, name));
    removeValues(context.spool, name, values);
  }
  context.stats.processed += applied.size;
}

function suspect(
  context: RecoveryContext,
  manifest: Manifest,
  left: readonly Item[],
  undecided: ReadonlySet<string>,
): Suspicion {
  const only = left.length === 1 ? left[0] : undefined;
  const deaths = only ? manifest.deaths + (context.isRestart && !manifest.stopped ? 1 : 0) : 0;
  if (only && deaths >= MAX_DEATHS) {
    const message = `the worker died ${deaths} times while this entry was in hand alone`;
    const hint = 'Look at its SQL; queue-failed retry tries it again.';
    bury(context, only, { code: 'POISON', message, at: new Date().toISOString(), hint });
    const others = new Set([...manifest.suspects, ...undecided]);
    return others.size === 0
      ? NO_SUSPICION
      : { suspects: others, undecided: new Set(undecided), deaths: 0, limit: 1 };
  }
  const names = manifest.stopped || !context.isRestart ? [] : left.map((item) => item.name);
  const suspects = new Set([...names, ...undecided, ...manifest.suspects]);
  if (suspects.size === 0) return NO_SUSPICION;
  const doubted = names.length || manifest.suspects.length || Number.POSITIVE_INFINITY;
  return { suspects, undecided: new Set(undecided), deaths, limit: Math.max(1, Math.floor(doubted / 2)) };
}
