/**
 * Settling: what becomes of entries once their transaction is committed.
 *
 * Order: journal lines to disk, then the results in jobs.db, then dead letters and retries, then unlink. A crash after
 * any step is repaired by recovery: an applied entry that still stands in pending/ is found in the ledger, its journal
 * line is written if it is missing, its job is told (once more, which changes nothing), and it is removed.
 */
import { join } from 'node:path';
import { type Config, targetOf } from '../config.ts';
import type { Fate } from '../jobs/items.ts';
import { buryEntry } from '../spool/deadletter.ts';
import { serializeEntry } from '../spool/entry.ts';
import type { Journal, JournalLine } from '../spool/journal.ts';
import type { Spool } from '../spool/layout.ts';
import { replaceFile } from '../spool/publish.ts';
import { countApplied, countFailed, type Stats } from '../spool/stats.ts';
import type { Accounts } from './accounts.ts';
import { isDuplicateRow, type Result } from './apply.ts';
import { jitter } from './backoff.ts';
import { doneFate, failedFate } from './fates.ts';
import type { Item } from './intake.ts';
import type { Log } from './log.ts';
import type { Suspicion } from './recover.ts';
import type { WorkerSummary } from './work.ts';

/** The entry's effect, or a part of it, is in the database. */
export function isCommitted(outcome: Result['outcome']): boolean {
  return outcome.kind !== 'failed' || outcome.committed === true;
}

export interface SettleContext {
  readonly spool: Spool;
  readonly config: Config;
  readonly journal: Journal;
  readonly accounts: Accounts;
  readonly stats: Stats;
  readonly log: Log;
  readonly summary: WorkerSummary;
  readonly suspicion: Suspicion;
  /** The entry is in failed/ and has left pending/. */
  readonly onGone: (name: string) => void;
  /** These are applied, and journaled: takes them out of pending/, now or soon. */
  readonly remove: (names: readonly string[]) => void;
  /** The entry stays, to be tried again in `ms`. */
  readonly onLater: (name: string, ms: number) => void;
}

const FIRST_RETRY_MS = 500;

/** @throws system errors when the spool can't be written; the manifest must then be recovered. */
export function settle(context: SettleContext, results: readonly Result[]): void {
  const { stats, summary } = context;
  const done: string[] = [];
  const appliedAt = new Date().toISOString();
  journalApplied(context, results, appliedAt);
  context.accounts.record(results.flatMap((result) => fateOf(context, result)));
  for (const { item, outcome, micros } of results) {
    if (outcome.kind === 'failed') {
      settleFailure(context, item, outcome);
      continue;
    }
    if (outcome.kind === 'applied' && !isDuplicateRow(outcome)) {
      countApplied(stats, item.entry.operation, micros);
      summary.applied += 1;
    } else {
      stats.duplicates += 1;
      summary.duplicates += 1;
    }
    done.push(item.name);
  }
  context.remove(done);
}

function fateOf({ config }: SettleContext, { item, outcome, micros }: Result): Fate[] {
  if (outcome.kind !== 'failed') {
    return doneFate(item, micros, outcome.kind === 'duplicate' && item.entry.id !== undefined);
  }
  return isTriedAgain(config, item, outcome) ? [] : failedFate(item, outcome.error, micros);
}

function isTriedAgain(config: Config, { entry }: Item, { transient }: Failure): boolean {
  return transient && entry.retries < config.maxRetries;
}

/** The journal line of an applied item. */
export function journalLine(item: Item, appliedAt: string, outcome?: Result['outcome']): JournalLine {
  const line = { text: item.text, name: item.name, key: item.key, appliedAt };
  return outcome && isDuplicateRow(outcome) ? { ...line, isDuplicateRow: true } : line;
}

function journalApplied(context: SettleContext, results: readonly Result[], appliedAt: string): void {
  const { journal, suspicion } = context;
  const applied = results.filter(({ outcome }) => outcome.kind !== 'duplicate' && isCommitted(outcome));
  // A key that the caller did not choose, or a suspect's, is found in the ledger when a crash came between COMMIT and
  // unlink and recovery did not see to it: then the journal line may be lost too.
  const repeated = results.filter(
    ({ outcome, item }) =>
      outcome.kind === 'duplicate' && (item.entry.id === undefined || suspicion.suspects.has(item.name)),
  );
  const ours = new Set(applied.map(({ item }) => keyAtTarget(item)));
  const missing = withoutLine(
    context,
    repeated.map(({ item }) => item).filter((item) => !ours.has(keyAtTarget(item))),
  );
  journal.append([
    ...missing.map((item) => journalLine(item, appliedAt)),
    ...applied.map(({ item, outcome }) => journalLine(item, appliedAt, outcome)),
  ]);
}

/**
 * Of items whose keys are in the ledger, in the order of applying, those that the journal has no line of. Of several
 * with one key, which its callers chose, one was applied: the journal has that one, or the first of these is it.
 */
export function withoutLine(
  { journal, config }: Pick<SettleContext, 'journal' | 'config'>,
  items: readonly Item[],
): Item[] {
  if (items.length === 0) return [];
  const chosen = items.filter(({ entry }) => entry.id !== undefined);
  const lines = journal.recent(new Set(items.map(({ name }) => name)), new Set(chosen.map(({ key }) => key)));
  const names = new Set(lines.map(({ name }) => name));
  const keys = new Set(
    lines
      .filter(({ isCut }) => !isCut)
      .map(({ key, db }) => keyAtTarget({ key, target: targetOf(config, db) })),
  );
  return items.filter((item) => {
    if (names.has(item.name)) return false;
    const key = keyAtTarget(item);
    if (keys.has(key)) return false;
    keys.add(key);
    return true;
  });
}

/** Each database has a ledger of its own. */
function keyAtTarget({ key, target }: Pick<Item, 'key' | 'target'>): string {
  return JSON.stringify([target, key]);
}

type Failure = Extract<Result['outcome'], { kind: 'failed' }>;

function settleFailure(context: SettleContext, item: Item, outcome: Failure): void {
  const { spool, config, stats, summary, log } = context;
  const { name, entry } = item;
  if (isTriedAgain(config, item, outcome)) {
    const ms = jitter(FIRST_RETRY_MS * 2 ** entry.retries);
    const again = {
      ...entry,
      retries: entry.retries + 1,
      not_before: new Date(Date.now() + ms).toISOString(),
    };
    replaceFile(spool, join(spool.pending, name), serializeEntry(again));
    stats.retried += 1;
    log(
      'warn',
      `${name} (${entry.operation}) is tried again in ${Math.round(ms)} ms: ${outcome.error.message}`,
    );
    context.onLater(name, ms);
    return;
  }
  buryEntry(spool, name, entry, outcome.error);
  countFailed(stats, entry.operation);
  summary.failed += 1;
  log('error', `${name} (${entry.operation}) is in failed/: ${outcome.error.code}: ${outcome.error.message}`);
  context.onGone(name);
}
