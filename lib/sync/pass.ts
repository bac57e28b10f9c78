/** One pass over a queue directory: what a crash has left, new files, every taken file once. */
import { lstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from './database.ts';
import {
  type Counts,
  completeOutputs,
  finishRemoval,
  type State,
  settleFile,
  type Workshop,
} from './file.ts';
import { Outputs } from './outputs.ts';
import {
  doneFiles,
  ensureTaken,
  type QueuePlace,
  type Refusal,
  type TakenFile,
  takeAll,
  takenFiles,
} from './place.ts';
import { takeFailures } from './replay.ts';
import { aimAt, forgetTarget } from './target.ts';

export interface SyncReport extends Counts {
  /** Taken files that are settled and gone. */
  readonly files: number;
  /** Those that someone may still write to, or that end in a line that is not finished. */
  readonly followed: number;
  /** What stands in the place of a queue file and is none. */
  readonly refused: readonly Refusal[];
  readonly seconds: number;
}

/** Told how many bytes of how many are settled. */
export type OnProgress = (done: number, total: number) => void;

export interface PassOptions {
  readonly place: QueuePlace;
  readonly database: Database;
  readonly signal: AbortSignal;
  /** Throws when another sync could be at work here. */
  readonly checkLock: () => void;
  readonly replayFailed: boolean;
  /** Waits for a last line without a newline until it is old enough to be taken as it is. */
  readonly patient: boolean;
  readonly onProgress: OnProgress;
}

const TORN_LOOK_MS = 200;

/** @throws SinkOutage, QueueError; everything is then where it was, and the next pass goes on from there. */
export async function runPass(options: PassOptions): Promise<SyncReport> {
  const { place, database, signal, checkLock } = options;
  const start = performance.now();
  const sum = { bytes: 0, inserted: 0, duplicates: 0, failed: 0, malformed: 0 };
  const outputs = new Outputs(place);
  let total = 0;
  const onBatch = (counts: Counts): void => {
    for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += counts[key];
    total = Math.max(total, sum.bytes);
    options.onProgress(sum.bytes, total);
  };
  const shop: Workshop = { place, database, outputs, signal, checkLock, onBatch };
  try {
    checkLock();
    ensureTaken(place);
    recover(shop);
    database.check();
    const refused = options.replayFailed ? takeFailures(place) : [];
    refused.push(...takeAll(place));
    const files = takenFiles(place);
    if (files.length > 0) aimAt(place, database.path);
    total = files.reduce((bytes, file) => bytes + restOf(database, file), 0);
    const states: State[] = [];
    for (const file of files) {
      if (signal.aborted) break;
      states.push(await settle(shop, file, options.patient));
    }
    database.confirm();
    const gone = states.filter((state) => state === 'gone').length;
    if (gone === files.length) forgetTarget(place);
    const seconds = (performance.now() - start) / 1000;
    return { ...sum, files: gone, followed: files.length - gone, refused, seconds };
  } finally {
    outputs.close();
  }
}

/** Before anything else is written: the outputs get what a crash has kept from them, files go that were to go. */
function recover(shop: Workshop): void {
  const { place, database } = shop;
  const [done, taken] = [doneFiles(place), takenFiles(place)];
  if (done.size + taken.length === 0) return;
  aimAt(place, database.path);
  for (const [name, path] of done) finishRemoval(shop, name, path);
  for (const file of takenFiles(place)) completeOutputs(shop, file);
}

async function settle(shop: Workshop, file: TakenFile, patient: boolean): Promise<State> {
  let state = await settleFile(shop, file);
  while (state === 'torn' && patient && !shop.signal.aborted) {
    await sleep(TORN_LOOK_MS);
    state = await settleFile(shop, file);
  }
  return state;
}

function restOf(database: Database, { name, path }: TakenFile): number {
  const size = lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return Math.max(0, size - database.find(name).progress.done);
}
