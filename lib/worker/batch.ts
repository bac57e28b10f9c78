/**
 * One batch: taken in order (take.ts), written into the manifest, applied database by database, settled.
 *
 * Exactly one thing becomes of an entry that is taken: settled (applied,
 * a duplicate, buried, put off for a retry), parked while its database is down, put off until it is due or whole,
 * put back because its batch ended before it, held (holds.ts), or withdrawn because its job was cancelled.
 */
import { existsSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import { SinkOutage } from '../sink/outage.ts';
import type { Sink } from '../sink/sink.ts';
import { removeManifest, writeManifest } from '../spool/manifest.ts';
import { unlinkIfThere } from '../spool/publish.ts';
import type { Standing } from './accounts.ts';
import { applyItems, type Result, takesWrites } from './apply.ts';
import { withdrawnFate } from './fates.ts';
import type { Item } from './intake.ts';
import { decide } from './recover.ts';
import { isCommitted, settle } from './settle.ts';
import { gone, type Work } from './work.ts';

const CULPRIT_PAUSE_MS = 5000;
/** Outages that an entry does not choose to bring about: it needs more space or memory than there is now. */
const NOT_ITS_CHOICE = /^(SQLITE_(FULL|IOERR|NOMEM|BUSY)|53)/;

/**
 * Applies and settles a batch.
 * @throws system errors when the spool can't be written; the manifest is then still there to recover from.
 */
export function applyBatch(work: Work, items: readonly Item[]): void {
  const byTarget = Map.groupBy(items, (item) => item.target);
  const ordered = [...byTarget.values()].flat();
  const { suspects, deaths } = work.suspicion;
  const [only] = ordered;
  const isTheSuspect = ordered.length === 1 && only !== undefined && suspects.has(only.name);
  if (isTheSuspect && parkIfDown(work, only)) return;
  writeManifest(work.spool, {
    deaths: isTheSuspect ? deaths : 0,
    // Those in hand first: the watchdog counts lines.
    names: [
      ...new Set([
        ...ordered.map((item) => item.name),
        ...(work.files?.leaving ?? []),
        ...work.suspicion.undecided,
      ]),
    ],
    suspects: [...suspects],
  });
  const positions = new Map(ordered.map((item, index) => [item.name, index]));
  for (const [target, own] of byTarget) applyTo(work, target, own, positions);
  if (work.files?.leaving.size) return;
  // After it, for a COMMIT may have become doubtful.
  const { undecided } = work.suspicion;
  const left = { deaths: 0, names: [...undecided], suspects: [...work.suspicion.suspects] };
  if (undecided.size === 0) removeManifest(work.spool);
  else writeManifest(work.spool, left);
}

/**
 * To wait for a database is no entry's doing: a worker that is killed while it does so must not count that as a death
 * with this one in hand. So the wait comes before the manifest, of which recovery has left none.
 */
function parkIfDown(work: Work, item: Item): boolean {
  try {
    const sink = work.targets.sink(item.target);
    sink.begin();
    sink.rollback();
    return false;
  } catch (error) {
    // A target that can be none: applying it says so.
    if (!(error instanceof SinkOutage)) return false;
    park(work, item.target, error, [item]);
    return true;
  }
}

function applyTo(
  work: Work,
  target: string,
  items: readonly Item[],
  positions: ReadonlyMap<string, number>,
): void {
  let sink: Sink;
  try {
    sink = work.targets.sink(target);
  } catch (error) {
    if (error instanceof SinkOutage) return park(work, target, error, items);
    return settleAll(
      work,
      items.map((item) => failure(item, 'BAD_TARGET', messageOf(error), false)),
    );
  }
  let fresh: readonly Item[];
  try {
    fresh = withoutCancelled(work, withoutApplied(work, target, sink, items));
  } catch (error) {
    if (error instanceof SinkOutage) return park(work, target, error, items);
    throw error;
  }
  const { consumed, outage, culprit } = applyItems(sink, fresh, {
    enter: (item) => work.watch?.enter(positions.get(item.name) ?? 0),
    leave: () => work.watch?.leave(),
    settle: (results) => {
      work.backlog.putBack(work.targets.works(target));
      for (const { item, outcome } of results) if (isCommitted(outcome)) work.committed.add(item.name);
      settleAll(work, results);
    },
  });
  const left = fresh.slice(consumed);
  if (!outage) return putBack(work, left);
  if (outage.inDoubt) doubt(work, left);
  if (!culprit || !takesWrites(sink, `${work.identity}/probe-${Date.now()}`))
    return park(work, target, outage, left);
  putBack(
    work,
    left.filter((item) => item !== culprit),
  );
  settleCulprit(work, culprit, outage);
}

/** Before a database takes anything, it is asked for what recovery could not: the journal is to have its order. */
function withoutApplied(work: Work, target: string, sink: Sink, items: readonly Item[]): readonly Item[] {
  const { undecided } = work.suspicion;
  if (undecided.size === 0) return items;
  const applied = decide(work, undecided, target, sink);
  for (const name of applied) gone(work, name);
  return items.filter((item) => !applied.has(item.name));
}

/**
 * Takes out, and out of pending/, the entries of cancelled jobs. Whoever cancels a job sets its state first and reads
 * the manifest second, and we look at the states after the manifest is written: an entry in hand is seen as in hand
 * there, or its job as cancelled here. What was applied before a crash is no longer among them: it is not withdrawn.
 * A job that is deleted after that is not known any more, but its entries have left pending/ before it went.
 */
function withoutCancelled(work: Work, items: readonly Item[]): readonly Item[] {
  const { accounts, log } = work;
  if (items.every(({ entry }) => entry.job === undefined)) return items;
  accounts.refresh();
  const stands = ({ entry: { job } }: Item, standing: Standing): boolean =>
    job !== undefined && accounts.standing(job) === standing;
  const deleted = items.filter(
    (item) => stands(item, 'gone') && !existsSync(`${work.spool.pending}/${item.name}`),
  );
  for (const { name } of deleted) gone(work, name);
  const cancelled = items.filter((item) => stands(item, 'cancelled'));
  if (deleted.length + cancelled.length === 0) return items;
  accounts.record(cancelled.flatMap(withdrawnFate));
  remove(
    work,
    cancelled.map(({ name }) => name),
  );
  log('info', `${deleted.length + cancelled.length} entries of cancelled jobs are withdrawn`);
  const out = new Set([...deleted, ...cancelled]);
  return items.filter((item) => !out.has(item));
}

/** They may be applied: the database is asked before it takes anything else, by this worker or the next. */
function doubt(work: Work, items: readonly Item[]): void {
  const names = items.map((item) => item.name);
  const [suspects, undecided] = [work.suspicion.suspects, work.suspicion.undecided].map(
    (known) => new Set([...known, ...names]),
  ) as [Set<string>, Set<string>];
  work.suspicion = { ...work.suspicion, suspects, undecided };
}

/** The database is down: its entries wait, read once, until it is back. */
function park(work: Work, target: string, error: SinkOutage, items: readonly Item[]): void {
  work.targets.failed(target, error);
  for (const item of items) work.targets.park(target, item.name);
}

/** An entry too large for the space left waits; one that is refused by its own doing spends its retries. */
function settleCulprit(work: Work, culprit: Item, outage: SinkOutage): void {
  if (NOT_ITS_CHOICE.test(outage.reason)) {
    work.log('warn', `${culprit.name} waits: ${outage.message}`);
    work.tooLarge.set(culprit.name, outage.message);
    work.backlog.putOffFor(culprit.name, CULPRIT_PAUSE_MS);
  } else {
    settleAll(work, [failure(culprit, outage.reason, outage.message, true)]);
  }
}

function settleAll(work: Work, results: readonly Result[]): void {
  settle(
    {
      ...work,
      onGone: (name) => gone(work, name),
      remove: (names) => remove(work, names),
      onLater: (name, ms) => work.backlog.putOffFor(name, ms),
    },
    results,
  );
}

/** Without a ledger an entry that is found again would be applied again, so then it must be gone at once. */
function remove(work: Work, names: readonly string[]): void {
  if (work.files && !work.files.isBehind && work.config.exactlyOnce) return work.files.unlink(names);
  for (const name of names) {
    unlinkIfThere(`${work.spool.pending}/${name}`);
    gone(work, name);
  }
}

function putBack(work: Work, items: readonly Item[]): void {
  work.backlog.putBack(items.map((item) => item.name));
}

function failure(item: Item, code: string, message: string, transient: boolean): Result {
  return {
    item,
    outcome: { kind: 'failed', error: { code, message, at: new Date().toISOString() }, transient },
    micros: 0,
  };
}
