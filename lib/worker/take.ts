/** Taking entries out of the backlog: into a batch, or to where each of them has to wait or to go. */
import { codeOf, messageOf } from '../errors.ts';
import { buryFile } from '../spool/deadletter.ts';
import { countFailed } from '../spool/stats.ts';
import { type Intake, type Item, takeIn } from './intake.ts';
import { gone, type Work } from './work.ts';

/** A batch is no larger than this, so that the journal's tail always holds a whole one. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** The first look at an entry that is being written; file events usually come first. */
const UNFINISHED_LOOK_MS = 20;
/** A due time is the wall clock's, the sleep the monotonic clock's: a laptop's sleep makes them differ. */
const MAX_SLEEP_MS = 60_000;

/** Takes entries in order: those for a database that works are returned, the others find their place. */
export function takeBatch(work: Work): Item[] {
  const { accounts, backlog, config, holds, targets, unfinished } = work;
  const limit = Math.min(config.batchSize, work.suspicion.limit);
  const context = { ...work, readAhead: (name: string) => work.files?.take(name) };
  const items: Item[] = [];
  // Before the first of them asks where its job stands.
  let isFresh = false;
  for (let looked = 0, bytes = 0; looked < limit && bytes < MAX_BATCH_BYTES; looked++) {
    const name = backlog.take();
    if (name === undefined) break;
    const intake = takeIn(context, name);
    if (intake.kind !== 'unfinished') unfinished.delete(name);
    switch (intake.kind) {
      case 'item':
        if (intake.item.entry.job !== undefined && !isFresh) {
          accounts.refresh();
          isFresh = true;
        }
        if (holds.keeps(name, intake.item.entry)) break;
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
        bury(work, name, intake);
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
    if (intake.kind === 'bad') bury(work, name, intake);
  }
}

/** What can't be moved (a mount point, an immutable file) stays and stays known: this worker looks at it no more. */
function bury(work: Work, name: string, { error, fate }: Extract<Intake, { kind: 'bad' }>): void {
  if (fate) work.accounts.record([fate]);
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
