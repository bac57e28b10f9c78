/**
 * The life of items against a simple model: registrations, results, retries, withdrawals and seals in any order. After
 * each step the counters are those of the rows, and the job's state is the one that the model has.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  dropUnpublished,
  recordFates,
  registerItems,
  retryItems,
  sealJob,
  unregisterItem,
} from '../lib/jobs/items.ts';
import { readJob } from '../lib/jobs/job.ts';
import { spoolAt } from '../lib/spool/layout.ts';
import { accountOf, addJob, jobsOf, resultsOf } from './support/jobs.ts';
import { project } from './support/project.ts';

type State = 'queued' | 'done' | 'failed' | 'withdrawn';
type Step =
  | { kind: 'register' | 'unregister' | 'retry'; names: number[] }
  | { kind: 'record'; names: number[]; state: Exclude<State, 'queued'>; error: string }
  | { kind: 'seal' | 'cancel' | 'drop' };

const names = fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 3 });
const one = fc.integer({ min: 0, max: 5 }).map((name) => [name]);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('register' as const), names }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unregister' as const), names: one }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('retry' as const), names }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      names,
      state: fc.constantFrom('done' as const, 'done' as const, 'failed' as const, 'withdrawn' as const),
      error: fc.constantFrom('a', 'b'),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'seal' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'drop' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel' as const }) },
);

/** What a job is, said without a database. */
class Model {
  readonly items = new Map<string, State>();
  readonly expected: number | null;
  isSealed = false;
  isCancelled = false;
  wasStarted = false;
  isAwaited = true;

  constructor(expected: number | null) {
    this.expected = expected;
  }

  count(state: State): number {
    return [...this.items.values()].filter((own) => own === state).length;
  }

  get state(): string {
    if (this.isCancelled) return 'cancelled';
    if (this.isSealed && this.count('queued') === 0) return this.count('failed') > 0 ? 'failed' : 'completed';
    return this.wasStarted ? 'running' : 'queued';
  }

  get takesMore(): boolean {
    return !this.isCancelled && !this.isSealed;
  }

  /** After each step. */
  look(): void {
    if (this.count('done') + this.count('failed') > 0) this.wasStarted = true;
    if (this.state === 'completed') this.isAwaited = false;
  }

  play(step: Step): void {
    if (step.kind === 'register') {
      const fits = this.expected === null || this.items.size + step.names.length <= this.expected;
      if (!this.takesMore || !fits) return;
      for (const name of step.names.map(String)) if (!this.items.has(name)) this.items.set(name, 'queued');
      if (this.items.size === this.expected) this.isSealed = true;
    } else if (step.kind === 'unregister') {
      for (const name of step.names.map(String)) {
        if (this.items.get(name) !== 'queued') continue;
        if (this.items.size === this.expected) this.isSealed = false;
        this.items.delete(name);
      }
    } else if (step.kind === 'retry') {
      if (this.isCancelled) return;
      for (const name of step.names.map(String)) {
        if (this.items.get(name) === 'failed' && !this.isCancelled) this.items.set(name, 'queued');
      }
    } else if (step.kind === 'record') {
      for (const name of step.names.map(String)) {
        if (this.items.get(name) !== 'done') this.items.set(name, step.state);
      }
    } else if (step.kind === 'seal') {
      if (!this.isCancelled) this.isSealed = true;
    } else if (step.kind === 'drop') {
      for (const [name, state] of this.items) if (state === 'queued') this.items.set(name, 'withdrawn');
    } else this.isCancelled = true;
    this.look();
  }
}

test('whatever comes in whatever order, counters and state are those of a simple model', (t) => {
  const self = project(t);
  const db = jobsOf(t, self);
  db.pragma('synchronous = OFF');
  const spool = spoolAt(self.spool);
  let number = 0;
  const tried = (work: () => unknown): void => {
    try {
      work();
    } catch (error) {
      assert.equal((error as { code: string }).code, 'USAGE');
    }
  };
  fc.assert(
    fc.property(
      fc.option(fc.integer({ min: 1, max: 6 })),
      fc.array(step, { maxLength: 25 }),
      (expected, steps) => {
        const id = `job ${++number}`;
        const next = `after ${number}`;
        addJob(db, id, { expected });
        addJob(db, next, { after: id });
        const model = new Model(expected);
        for (const own of steps) {
          if (own.kind === 'register') {
            tried(() =>
              registerItems(
                db,
                id,
                own.names.map((name) => ({ name: String(name), item: 'i' })),
              ),
            );
          } else if (own.kind === 'unregister') {
            for (const name of own.names) unregisterItem(db, id, String(name));
          } else if (own.kind === 'retry') tried(() => retryItems(db, id, own.names.map(String)));
          else if (own.kind === 'record') {
            const { state, error } = own;
            const fates = own.names.map((name) => ({ job: id, name: String(name), item: 'i', state, error }));
            recordFates(db, fates);
            // Twice is as good as once.
            const before = [resultsOf(db, id), readJob(db, id)];
            recordFates(db, fates);
            assert.deepEqual([resultsOf(db, id), readJob(db, id)], before);
          } else if (own.kind === 'seal') tried(() => sealJob(db, id));
          else if (own.kind === 'drop') dropUnpublished(db, spool, id, Date.now() + 3_600_000);
          else db.prepare("UPDATE jobs SET state = 'cancelled' WHERE id = ?").run(id);
          model.play(own);
          assert.deepEqual(
            accountOf(db, id),
            {
              state: model.state,
              total: model.items.size,
              done: model.count('done'),
              failed: model.count('failed'),
              withdrawn: model.count('withdrawn'),
            },
            JSON.stringify(own),
          );
          const job = readJob(db, id);
          assert.equal(
            job.completedAt !== null,
            ['completed', 'failed'].includes(job.state) ||
              (job.state === 'cancelled' && job.completedAt !== null),
          );
          assert.equal(
            job.error,
            job.state === 'failed' ? `${job.failed} of ${job.total} items failed` : job.error,
          );
          assert.equal(readJob(db, next).after === null, !model.isAwaited, 'the job after it');
        }
      },
    ),
    { numRuns: 300 },
  );
});
