/**
 * One batch: taken in order, written into the manifest, applied database by database, settled.
 *
 * `Work` is what the worker's parts share. Exactly one thing becomes of an entry that is taken: settled (applied,
 * a duplicate, buried, put off for a retry), parked while its database is down, put off until it is due or whole,
 * or put back because its batch ended before it.
 */
import type { Config } from '../config.ts';
import { codeOf, messageOf } from '../errors.ts';
import { type Sink, SinkOutage } from '../sink/sink.ts';
import { buryFile } from '../spool/deadletter.ts';
import type { EntryError } from '../spool/entry.ts';
import type { Journal } from '../spool/journal.ts';
import type { Spool } from '../spool/layout.ts';
import { removeManifest, writeManifest } from '../spool/manifest.ts';
import { unlinkIfThere } from '../spool/publish.ts';
import { countFailed, type Stats } from '../spool/stats.ts';
import { removeValues } from '../spool/values.ts';
import { applyItems, type Result, takesWrites } from './apply.ts';
import type { Backlog } from './backlog.ts';
import type { FilesThread } from './files-thread.ts';
import { type Item, takeIn } from './intake.ts';
import type { Log } from './log.ts';
import { decide, NO_SUSPICION, type Suspicion } from './recover.ts';
import { isCommitted, settle } from './settle.ts';
import type { Targets } from './targets.ts';
import type { Watch } from './watchdog.ts';

/** A batch is no larger than this, so that the journal's tail always holds a whole one. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** The first look at an entry that is being written; file events usually come first. */
const UNFINISHED_LOOK_MS = 20;
/** A due time is the wall clock's, the sleep the monotonic clock's: a laptop's sleep makes them differ. */
const MAX_SLEEP_MS = 60_000;
const CULPRIT_PAUSE_MS = 5000;
/** Outages that an entry does not choose to bring about: it needs more space or memory than there is now. */
const NOT_ITS_CHOICE = /^(SQLITE_(FULL|IOERR|NOMEM|BUSY)|53)/;

export interface WorkerSummary {
  applied: number;
  duplicates: number;
  failed: number;
  /** With `once`: why a database could not be used, for all or for one that is still there. */
  outage?: string | undefined;
}

export interface Work {
  readonly spool: Spool;
  readonly config: Config;
  readonly log: Log;
  /** Of the spool; '' before the first recovery. */
  identity: string;
  readonly journal: Journal;
  readonly stats: Stats;
  readonly targets: Targets;
  readonly backlog: Backlog;
  readonly summary: WorkerSummary;
  /** Names whose writers have not finished. */
  readonly unfinished: Set<string>;
  /** Of entries taken in, the parameters whose values have files of their own. */
  readonly values: Map<string, readonly string[]>;
  /** Names whose transaction is committed and that have not left pending/ yet. */
  readonly committed: Set<string>;
  /** Of entries that wait because the database has no room for them alone: what it said. */
  readonly tooLarge: Map<string, string>;
  suspicion: Suspicion;
  watch: Watch | undefined;
  /** Only while a large backlog is drained. */
  files: FilesThread | undefined;
}

/** Takes entries in order: those for a database that works are returned, the others find their place. */
export function takeBatch(work: Work): Item[] {
  const { backlog, targets, config, unfinished } = work;
  const limit = Math.min(config.batchSize, work.suspicion.limit);
  const context = { ...work, readAhead: (name: string) => work.files?.take(name) };
  const items: Item[] = [];
  for (let looked = 0, bytes = 0; looked < limit && bytes < MAX_BATCH_BYTES; looked++) {
    const name = backlog.take();
    if (name === undefined) break;
    const intake = takeIn(context, name);
    if (intake.kind !== 'unfinished') unfinished.delete(name);
    switch (intake.kind) {
      case 'item':
        bytes += intake.item.text.length;
        if (intake.item.values.length > 0) work.values.set(name, intake.item.values);
        if (targets.isDown(intake.item.target)) targets.park(intake.item.target, name);
        else items.push(intake.item);
        break;
      case 'later':
        backlog.putOffFor(name, Math.min(intake.at - Date.now(), MAX_SLEEP_MS));
        break;
      case 'unfinished':
        unfinished.add(name);
        backlog.putOffUnfinished(name, UNFINISHED_LOOK_MS);
        break;
      case 'gone':
        gone(work, name);
        break;
      case 'bad':
        bury(work, name, intake.error);
        break;
      case 'fault':
        throw new Error(intake.message);
    }
  }
  // The batch that comes next was asked for last time; this asks for the one behind it.
  work.files?.readAhead(backlog.peek(2 * limit));
  return items;
}

/** Names in pending/ that are no entry's go to failed/. */
export function buryOddNames(work: Work): void {
  for (const name of work.backlog.takeOdd()) {
    const intake = takeIn(work, name);
    if (intake.kind === 'bad') bury(work, name, intake.error);
  }
}

/**
 * Applies and settles a batch.
 * @throws system errors when the spool can't be written; the manifest is then still there to recover from.
 */
export function applyBatch(work: Work, items: readonly Item[]): void {
  const byTarget = Map.groupBy(items, (item) => item.target);
  const ordered = [...byTarget.values()].flat();
  const { suspects, deaths } = work.suspicion;
  const isTheSuspect = ordered.length === 1 && suspects.has(ordered[0]?.name as string);
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
    fresh = withoutApplied(work, target, sink, items);
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

/** The name has left pending/. */
export function gone(work: Work, name: string): void {
  work.backlog.forget(name);
  work.committed.delete(name);
  work.tooLarge.delete(name);
  const values = work.values.get(name);
  if (values) {
    removeValues(work.spool, name, values);
    work.values.delete(name);
  }
  const { suspects, undecided } = work.suspicion;
  undecided.delete(name);
  if (suspects.delete(name) && suspects.size === 0) work.suspicion = NO_SUSPICION;
}

/** What can't be moved (a mount point, an immutable file) stays and stays known: this worker looks at it no more. */
function bury(work: Work, name: string, error: EntryError): void {
  try {
    buryFile(work.spool, name, error);
    work.log('error', `${name} is in failed/: ${error.message}`);
    gone(work, name);
  } catch (failure) {
    if (codeOf(failure) === 'ENOENT') return gone(work, name);
    if (!IMMOVABLE.has(codeOf(failure) ?? '')) throw failure;
    work.log('error', `${name} stays in pending/: ${error.message}; ${messageOf(failure)}`);
  }
  countFailed(work.stats, NO_OPERATION);
  work.summary.failed += 1;
}

/** What rename(2) says of the one file; other codes speak of the spool. */
const IMMOVABLE = new Set(['EBUSY', 'EPERM', 'EACCES']);
/** What has no operation, because it could not be read, is counted under this name. */
const NO_OPERATION = '(unreadable)';

function failure(item: Item, code: string, message: string, transient: boolean): Result {
  return {
    item,
    outcome: { kind: 'failed', error: { code, message, at: new Date().toISOString() }, transient },
    micros: 0,
  };
}
