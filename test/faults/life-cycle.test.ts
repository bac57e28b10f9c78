/**
 * The two moments at which an entry could be left lying with nobody to apply it: when the worker is about to leave,
 * and when many producers find nobody at once.
 *
 * A producer publishes, then looks for a worker, then for the note of a start in these 5 s. A worker that leaves takes
 * worker.pid away, then the notes, then lists pending/. So a producer that found worker.pid, or a note, had published
 * before the listing, and one that comes later finds neither and starts a worker. Here nothing happens after the
 * write: no second producer and no poll would save an entry.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { FULL, faultRun, type Random } from '../support/faults.ts';
import { assertInRuns, assertOneAtATime, MARKED_LOG, marked, workersBelow } from '../support/holders.ts';
import { type Project, project, waitFor, workerPid } from '../support/project.ts';
import { ended, execute, workerLog } from '../support/queue.ts';
import { type Kind, type Producer, startProducer } from '../support/resident-producers.ts';

const isLinux = existsSync('/proc/self/fd');
/** An entry that waits for this long waits for ever: nothing comes that could help it. */
const STRANDED_S = 30;

/** A project below another, with its own spool; its processes are known by the environment of that. */
class Lane {
  readonly self: Project;
  readonly #db: Database.Database;
  readonly #count: Database.Statement;

  constructor(parent: Project, number: number) {
    const dir = join(parent.dir, `lane ${number}`);
    mkdirSync(join(dir, '.hive-mind'), { recursive: true });
    const spool = join(dir, '.hive-mind', 'queue');
    const db = join(dir, '.hive-mind', 'hive.db');
    const names: Project['names'] = (directory) => readdirSync(join(spool, directory)).sort();
    this.self = { ...parent, dir, spool, db, names };
    execute(this.self, `PRAGMA journal_mode=WAL; ${MARKED_LOG}`);
    this.#db = new Database(db, { timeout: 10_000 });
    this.#count = this.#db.prepare('SELECT count(*) FROM log').pluck();
  }

  async applied(count: number): Promise<void> {
    const what = `${count} entries applied; in pending/: ${this.self.names('pending')}`;
    await waitFor(what, () => (this.#count.get() as number) >= count, STRANDED_S);
  }

  /** Waits until the last worker has gone, and checks everything. @returns how many workers there were. */
  async finish(texts: readonly string[], killed?: ReadonlySet<number>): Promise<number> {
    await waitFor('the worker to leave', () => workersBelow(this.self.dir).length === 0);
    const rows = this.#db.prepare('SELECT t, worker FROM log ORDER BY n').all() as Record<string, string>[];
    this.#db.close();
    assert.deepEqual(rows.map(({ t }) => t).sort(), [...texts].sort());
    assertInRuns(rows.map(({ worker }) => worker as string));
    for (const directory of ['pending', 'failed'] as const)
      assert.deepEqual(this.self.names(directory), [], directory);
    return assertOneAtATime(workerLog(this.self), killed);
  }

  close(): void {
    this.#db.close();
  }
}

/** Runs `body` in `count` lanes at once, each with producers of its own or all with the same. */
async function inLanes<T>(
  t: TestContext,
  { lanes, kinds, env }: { lanes: number; kinds: readonly Kind[]; env: Record<string, string> },
  body: (lane: Lane, producers: readonly Producer[]) => Promise<T>,
): Promise<T[]> {
  const parent = project(t, env);
  const producers = kinds.map((kind) => startProducer(kind, parent.env));
  const all = Array.from({ length: lanes }, (_, number) => new Lane(parent, number));
  try {
    return await Promise.all(all.map((lane) => body(lane, producers)));
  } finally {
    for (const lane of all) lane.close();
    await Promise.all(producers.map((producer) => producer.end()));
  }
}

/** How long after its last entry a worker leaves; the same as QUEUE_IDLE_EXIT. */
const IDLE_MS = 30;

/** Waits for a moment about the one at which the worker leaves: before it, by the clock, or after its first step. */
async function nearItsEnd(self: Project, random: Random): Promise<void> {
  if (random.next() < 0.3) return sleep(IDLE_MS + random.below(40));
  const pidFile = join(self.spool, 'worker.pid');
  while (existsSync(pidFile)) await sleep(1);
  const ms = random.below(12);
  if (ms > 0) await sleep(ms);
}

test('an entry written while the worker is leaving is applied, by that worker or by the next', {
  skip: !isLinux && 'needs /proc',
}, async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const lanes = 6;
    const rounds = Math.ceil((FULL ? 500 : 150) / lanes);
    const env = { QUEUE_IDLE_EXIT: String(IDLE_MS / 1000), QUEUE_POLL_INTERVAL: '0.01' };
    const workers = await inLanes(
      t,
      { lanes, kinds: ['bash', 'node', 'bash', 'node'], env },
      async (lane, producers) => {
        const texts: string[] = [];
        for (let round = 0; round < rounds; round++) {
          if (round > 0) await nearItsEnd(lane.self, random);
          const text = `round ${round}`;
          texts.push(text);
          await random.pick(producers).write({ project: lane.self.dir, sql: marked, params: { t: text } });
          await lane.applied(texts.length);
          count({ entries: 1 });
        }
        return lane.finish(texts);
      },
    );
    const started = workers.reduce((sum, each) => sum + each);
    t.diagnostic(`${rounds * lanes} rounds, ${started} workers`);
    assert.ok(started > lanes && started < rounds * lanes, 'every round or none had a worker of its own');
  });
});

test('ten producers at once on a dead queue start one worker, and all entries are applied', {
  skip: !isLinux && 'needs /proc',
}, async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const lanes = 4;
    const rounds = Math.ceil((FULL ? 200 : 40) / lanes);
    const kinds: Kind[] = Array.from({ length: 10 }, (_, number) => (number % 2 === 0 ? 'bash' : 'node'));
    const env = { QUEUE_IDLE_EXIT: '0.2', QUEUE_POLL_INTERVAL: '0.02' };
    const workers = await inLanes(t, { lanes, kinds, env }, async (lane, producers) => {
      const { self } = lane;
      const texts: string[] = [];
      const killed = new Set<number>();
      for (let round = 0; round < rounds; round++) {
        const writes = producers.map((producer, number) => {
          const text = `round ${round}, producer ${number}`;
          texts.push(text);
          return producer.write({ project: self.dir, sql: marked, params: { t: text } });
        });
        await Promise.all(writes);
        await lane.applied(texts.length);
        count({ entries: writes.length });
        const pid = workerPid(self);
        // In the last round nobody would come to remove what a killed one had just applied.
        if (random.next() < 0.5 || pid === undefined || round === rounds - 1) {
          await waitFor('the worker to leave', () => workersBelow(self.dir).length === 0);
          continue;
        }
        killed.add(pid);
        process.kill(pid, 'SIGKILL');
        await ended(pid);
        count({ kills: 1 });
        // As after 5 s.
        for (const name of self.names('.tmp')) rmSync(join(self.spool, '.tmp', name), { force: true });
      }
      return lane.finish(texts, killed);
    });
    const started = workers.reduce((sum, each) => sum + each);
    t.diagnostic(`${rounds * lanes} rounds, ${started} workers`);
    assert.ok(started >= rounds * lanes);
  });
});
