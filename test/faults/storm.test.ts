/**
 * The storm: sixteen producers, half of them bash and half Node, write at once in ten priorities while the worker is
 * killed again and again and comes back by itself. Afterwards everything is there once and in order, wherever one
 * looks, and there never were two workers at it.
 */
import assert from 'node:assert/strict';
import { existsSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { compare, FULL, faultRun, type Random } from '../support/faults.ts';
import {
  assertInRuns,
  assertOneAtATime,
  holdersAmong,
  MARKED_LOG,
  marked,
  workersBelow,
} from '../support/holders.ts';
import { type Project, processesNaming, project, waitFor, workerPid } from '../support/project.ts';
import { ended, execute, once, startWorker, stopWorker, workerLog } from '../support/queue.ts';
import { type Kind, type Order, startProducer } from '../support/resident-producers.ts';

const isLinux = existsSync('/proc/self/fd');
const PRODUCERS = 16;
const ENTRIES_EACH = FULL ? 1000 : 250;
const KILLS = FULL ? 30 : 10;
/** A note of a start holds others back for so long. */
const START_INTERVAL_MS = 5000;

interface Planned extends Order {
  /** What the row holds: the parameter :t. */
  readonly text: string;
  /** Its key was written before: it must leave no trace. */
  readonly isRepeated: boolean;
  /** Applied in the order of its calls. */
  readonly isInOrder: boolean;
}

/** What one producer writes: mostly short entries, some long ones (bash gives those files of their own). */
function planOf(producer: number, kind: Kind, dir: string, random: Random): Planned[] {
  const plan: Planned[] = [];
  const add = (priority: number, more: Partial<Planned> = {}): void => {
    const length = random.next() < 0.05 ? 512 + random.below(6000) : 0;
    const text = `${producer}/${priority}/${plan.length}/${'x'.repeat(length)}`;
    plan.push({
      text,
      project: dir,
      sql: marked,
      priority,
      params: { t: text },
      isRepeated: false,
      isInOrder: true,
      ...more,
    });
  };
  const repeats = new Map<number, { priority: number; id: string }>();
  while (plan.length < ENTRIES_EACH) {
    const again = repeats.get(plan.length);
    const chance = kind === 'node' ? random.next() : 1;
    const priority = 1 + random.below(10);
    if (again) add(again.priority, { id: again.id, isRepeated: true });
    else if (chance < 0.02) add(priority, { delayMs: random.below(1500), isInOrder: false });
    else if (chance < 0.05) {
      const at = plan.length + 1 + random.below(ENTRIES_EACH - plan.length);
      const id = `own ${producer} ${plan.length}`;
      if (at < ENTRIES_EACH && !repeats.has(at)) repeats.set(at, { priority, id });
      add(priority, { id });
    } else add(priority);
  }
  return plan;
}

function orderOf({ project, sql, priority, params, id, delayMs }: Planned): Order {
  return { project, sql, priority, params, id, delayMs } as Order;
}

/** Looks for two workers at once until it is told to end; who has the journal open is at work. */
function watchForTwo(self: Project): () => Promise<{ looks: number; pairs: string[] }> {
  const pairs: string[] = [];
  let looks = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const holders = holdersAmong(workersBelow(self.dir));
      // Seen again after the other was seen: one that has died in between is not beside it.
      if (holders.length > 1 && holdersAmong(holders).length > 1) pairs.push(holders.join(' and '));
      looks += 1;
      await sleep(20);
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    return { looks, pairs };
  };
}

/** After a kill: has the producers start the next worker, at once or when their start note is old, or does it itself. */
async function bringBack(self: Project, random: Random): Promise<'producers' | 'by hand'> {
  const choice = random.next();
  if (choice < 0.2) {
    await startWorker(self);
    return 'by hand';
  }
  if (choice < 0.3) {
    const bucket = Math.floor(Date.now() / START_INTERVAL_MS);
    await waitFor('the start note to be old', () => Math.floor(Date.now() / START_INTERVAL_MS) > bucket);
  } else {
    // As if these 5 s were over.
    for (const name of self.names('.tmp').filter((name) => name.startsWith('start-'))) {
      rmSync(join(self.spool, '.tmp', name), { force: true });
    }
  }
  return 'producers';
}

/** The pid of a worker to kill, at a moment of its own choice: so many rows on, or so soon after it was there. */
async function victim(self: Project, rows: () => number, target: number, random: Random): Promise<number> {
  if (random.next() < 0.7) await waitFor(`${target} rows`, () => rows() >= target);
  else await sleep(random.below(150));
  return waitFor('a worker', () => {
    const pid = workerPid(self);
    return pid !== undefined && workersBelow(self.dir).includes(pid) && pid;
  });
}

test('sixteen producers write while the worker is killed again and again', {
  skip: !isLinux && 'needs /proc',
}, async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t, { QUEUE_BATCH_SIZE: '50' });
    execute(self, `PRAGMA journal_mode=WAL; ${MARKED_LOG}`);
    const kinds = Array.from({ length: PRODUCERS }, (_, n): Kind => (n % 2 === 0 ? 'bash' : 'node'));
    const plans = kinds.map((kind, n) => planOf(n, kind, self.dir, random));
    const producers = kinds.map((kind) => startProducer(kind, self.env));
    const db = new Database(self.db, { timeout: 10_000 });
    const rows = db.prepare('SELECT coalesce(max(n), 0) FROM log').pluck() as Database.Statement<[], number>;
    const endWatch = watchForTwo(self);
    const killed = new Set<number>();
    let byProducers = 0;
    try {
      const writes: Promise<void>[] = [];
      for (let round = 0; round <= KILLS; round++) {
        const before = rows.get() as number;
        const [from, to] = [round, round + 1].map((part) => Math.floor((part * ENTRIES_EACH) / (KILLS + 1)));
        for (const [n, producer] of producers.entries()) {
          for (const order of (plans[n] as Planned[]).slice(from, to))
            writes.push(producer.write(orderOf(order)));
        }
        if (round === KILLS) break;
        const target = before + 1 + random.below(Math.floor((PRODUCERS * ENTRIES_EACH * 0.8) / (KILLS + 1)));
        const pid = await victim(self, () => rows.get() as number, target, random);
        process.kill(pid, 'SIGKILL');
        killed.add(pid);
        await ended(pid);
        if ((await bringBack(self, random)) === 'producers') byProducers += 1;
      }
      await Promise.all(writes);
      const expected = plans.flat().filter(({ isRepeated }) => !isRepeated);
      await waitFor('all rows', () => (rows.get() as number) >= expected.length, 120);
      await waitFor('pending/ to be empty', () => self.names('pending').length === 0);
      await stopWorker(self);
    } finally {
      db.close();
      await Promise.all(producers.map((producer) => producer.end()));
      count({ entries: plans.flat().length, kills: killed.size });
    }
    const { looks, pairs } = await endWatch();
    t.diagnostic(
      `${byProducers} of ${KILLS} restarts by producers; looked ${looks} times for a second worker`,
    );
    assert.deepEqual(pairs, [], 'two workers at once');
    assert.ok(byProducers > 0);
    assertOneAtATime(workerLog(self), killed);
    assertAllThere(self, plans, count);
    await assertTidy(self);
  });
});

/** A text that can be read in a failure, and differs where the whole does. */
function short(text: string): string {
  return text.replace(/x+$/, (filler) => `x${filler.length}`);
}

type Count = Parameters<Parameters<typeof faultRun>[1]>[0]['count'];

/** Rows, ledger and journal have what was written, once and in order. */
function assertAllThere(self: Project, plans: readonly Planned[][], count: Count): void {
  const rows = self.rows('SELECT t, worker FROM log ORDER BY n') as { t: string; worker: string }[];
  const texts = rows.map(({ t }) => short(t));
  const expected = plans.flat().filter(({ isRepeated }) => !isRepeated);
  const difference = compare(
    expected.map(({ text }) => short(text)),
    texts,
  );
  count({ lost: difference.lost.length, duplicated: difference.duplicated.length });
  assert.deepEqual(difference, { lost: [], duplicated: [] });

  const places = new Map(texts.map((text, place) => [text, place]));
  const early: string[] = [];
  for (const plan of plans) {
    const last = new Map<number | undefined, number>();
    for (const { text, priority, isInOrder, isRepeated } of plan) {
      if (!isInOrder || isRepeated) continue;
      const place = places.get(short(text)) as number;
      if (place < (last.get(priority) ?? -1)) early.push(short(text));
      last.set(priority, place);
    }
  }
  count({ outOfOrder: early.length });
  assert.deepEqual(early, [], 'before an earlier entry of the same producer and priority');
  assertInRuns(rows.map(({ worker }) => worker));

  const journal = self.journal() as { name: string; key: string; params: { t: string } }[];
  const journaled = journal.map(({ params }) => short(params.t));
  assert.deepEqual(compare(texts, journaled), { lost: [], duplicated: [] }, 'the journal');
  const different = journaled.findIndex((text, line) => text !== texts[line]);
  assert.equal(different, -1, `line ${different} of the journal is not the row that came then`);
  assert.equal(new Set(journal.map(({ name }) => name)).size, journal.length, 'a name twice in the journal');
  const ledger = self.rows('SELECT id FROM _queue_ledger').map(({ id }) => id as string);
  assert.deepEqual(journal.map(({ key }) => key).sort(), ledger.sort(), 'journal and ledger');
  assert.deepEqual(self.rows('PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
}

/** Nothing lies about but what killed processes left half-written, and the next worker removes that once it is old. */
async function assertTidy(self: Project): Promise<void> {
  assert.deepEqual(processesNaming(self.dir), [], 'processes');
  const then = Date.now() / 1000 - 3600;
  for (const directory of ['.tmp', 'values'] as const) {
    for (const name of self.names(directory)) utimesSync(join(self.spool, directory, name), then, then);
  }
  await once(self);
  for (const directory of ['pending', 'processing', 'failed', 'values', '.tmp'] as const) {
    assert.deepEqual(self.names(directory), [], `${directory}/`);
  }
  assert.equal(existsSync(join(self.spool, 'worker.pid')), false);
}
