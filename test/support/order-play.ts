/** A history of a queue with the worker itself, held against the model: see test/faults/order-worker.test.ts. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { loadConfig } from '../../lib/config.ts';
import { spoolAt } from '../../lib/spool/layout.ts';
import { WorkerLock } from '../../lib/worker/lock.ts';
import { Worker } from '../../lib/worker/worker.ts';
import { compare } from './faults.ts';
import { drain, type ModelEntry } from './order-model.ts';
import type { Newcomer, Round } from './order-round.ts';
import { DIST, type Project, waitFor } from './project.ts';
import { background, entryText, logged, put, startNoWorker, withLog } from './queue.ts';

const RETRIES = 1;
const HOUR = 3600;

type Name = 'main' | 'other';
const DATABASES: readonly Name[] = ['main', 'other'];
const QUIET: Round = { newcomers: [], written: 0, mode: 'here', batch: 7, down: undefined, killAt: 0 };

interface Sent extends Newcomer {
  readonly name: string;
  readonly key: string;
}

/** One history on an empty spool. */
export class Play {
  readonly #self: Project;
  readonly #t: TestContext;
  readonly #aging: number;
  readonly #sent = new Map<string, Sent>();
  /** The keys that each database knows. */
  readonly #known = new Map<string, Set<string>>();
  /** Names in the order of their rows. */
  readonly #rows = { main: [] as string[], other: [] as string[] };
  #count = 0;
  kills = 0;
  outages = 0;

  constructor(t: TestContext, self: Project, aging: number) {
    this.#t = t;
    this.#self = self;
    this.#aging = aging;
    rmSync(join(self.dir, '.hive-mind'), { recursive: true, force: true });
    rmSync(join(self.dir, 'gate'), { recursive: true, force: true });
    rmSync(this.#path('other'), { force: true });
    for (const database of DATABASES) withLog(self, this.#path(database));
  }

  get entries(): number {
    return this.#sent.size;
  }

  async round(round: Round): Promise<void> {
    for (const newcomer of round.newcomers) this.#put(newcomer);
    if (round.written > 0) await this.#write(round.written);
    const { due, loose } = this.#present();
    const known = new Map([...this.#known].map(([database, keys]) => [database, new Set(keys)]));
    const nowMicros = Date.now() * 1000;
    const expected = drain(due, { known, down: round.down, nowMicros, aging: this.#aging });
    await this.#drain(round);
    for (const database of DATABASES) {
      const rows = this.#read(database);
      const before = this.#rows[database];
      assert.deepEqual(rows.slice(0, before.length), before, 'rows are only added');
      const added = rows.slice(before.length).filter((name) => !loose.has(name));
      const due = (expected.rows.get(database) ?? []).filter((name) => !loose.has(name));
      assert.deepEqual(
        added,
        round.mode === 'killed' ? due.slice(0, added.length) : due,
        `${round.mode}: ${database}`,
      );
      this.#rows[database] = rows;
      this.#known.set(database, new Set(rows.map((name) => this.#of(name).key)));
    }
    const failed = this.#self.names('failed');
    for (const name of failed) assert.notEqual(this.#of(name).kind, 'row', `${name} failed`);
    if (round.mode === 'killed') return;
    // One that shares its key with a delayed entry may have become its duplicate meanwhile.
    const mustFail = [...expected.failed].filter((name) => !loose.has(name));
    for (const name of mustFail) assert.ok(failed.includes(name), `${name} is not in failed/`);
    const waiting = new Set([...this.#pending(), ...loose]);
    for (const name of expected.left) assert.ok(waiting.has(name), `${name} does not wait`);
  }

  /** Drains until only those wait that are never due, and holds everything against the account. */
  async end(): Promise<void> {
    mkdirSync(join(this.#self.dir, 'gate'), { recursive: true });
    const never = [...this.#sent.values()].filter(({ delay }) => delay === 'never').map(({ name }) => name);
    await waitFor(
      'all others to be done',
      async () => {
        await this.round(QUIET);
        return this.#pending().length === never.length;
      },
      30,
    );
    assert.deepEqual(this.#pending(), never.sort());
    assert.deepEqual(this.#self.names('processing'), []);
    const journal = this.#self.journal();
    for (const database of DATABASES) {
      const own = [...this.#sent.values()].filter(({ other }) => other === (database === 'other'));
      const rows = this.#rows[database];
      const lines = journal.filter((line) => this.#of(line.name as string).other === (database === 'other'));
      assert.deepEqual(
        lines.map((line) => line.name),
        rows,
        `the journal of ${database}`,
      );
      for (const { name, not_before: due, applied_at: at } of lines)
        if (due)
          assert.ok(Date.parse(at as string) >= Date.parse(due as string), `${name} came before its time`);
      const done = new Set(rows.map((name) => this.#of(name).key));
      const failed = new Set(this.#self.names('failed'));
      const ended = own.filter(({ name, delay }) => delay !== 'never' && !failed.has(name));
      // Each key once: of those with the same id the others go without effect.
      const { lost, duplicated } = compare([...new Set(ended.map(({ key }) => key))], [...done]);
      assert.deepEqual([lost, duplicated], [[], []]);
      assert.equal(done.size, rows.length, 'a key was applied twice');
    }
    for (const name of this.#self.names('failed')) {
      const { kind } = this.#of(name);
      assert.notEqual(kind, 'row', `${name} failed`);
      const { retries } = JSON.parse(readFileSync(join(this.#self.spool, 'failed', name), 'utf8'));
      assert.equal(retries, kind === 'fails' ? 0 : RETRIES, `${name}: retries`);
    }
    this.#checkProducers();
  }

  /** Of each producer, priority and database the rows are in the order of its calls. */
  #checkProducers(): void {
    const last = new Map<string, number>();
    for (const name of this.#rows.main) {
      const [, producer, number] = /^producer (\d+) (\d+)$/.exec(this.#of(name).key) ?? [];
      if (producer === undefined) continue;
      const lane = `${producer} ${name.slice(0, 2)}`;
      assert.ok(Number(number) > (last.get(lane) ?? -1), `${lane}: ${number} after ${last.get(lane)}`);
      last.set(lane, Number(number));
    }
  }

  #put(newcomer: Newcomer): void {
    this.#count += 1;
    const micros = (Date.now() - (newcomer.age + 0.5) * 0.5 * HOUR * 1000) * 1000;
    const name = `${String(newcomer.priority).padStart(2, '0')}_${Math.floor(micros)}_${this.#count}.json`;
    const id = newcomer.id === undefined ? undefined : `id ${newcomer.id}`;
    const later = { none: undefined, past: -1000, soon: 300, never: HOUR * 1000 }[newcomer.delay];
    put(
      this.#self,
      entryText(this.#sql(newcomer.kind), {
        params: { t: name },
        ...(newcomer.other ? { db: this.#path('other') } : {}),
        ...(id === undefined ? {} : { id }),
        ...(later === undefined ? {} : { not_before: new Date(Date.now() + later).toISOString() }),
      }),
      name,
    );
    this.#sent.set(name, { ...newcomer, name, key: id ?? name });
  }

  #sql(kind: Newcomer['kind']): string {
    const row = 'INSERT INTO log(t) VALUES(:t)';
    if (kind === 'fails') return `${row}; INSERT INTO no_such_table VALUES(1)`;
    // A database that can't be written to, by the entry's own doing: it may be able to the next time.
    if (kind === 'fails for now') return `PRAGMA query_only=ON; ${row}`;
    if (kind === 'passes later')
      return `ATTACH '${join(this.#self.dir, 'gate', 'x.db')}' AS x; ${row}; DETACH x`;
    return row;
  }

  /** A bash process that writes, which the names in pending/ tell. */
  async #write(count: number): Promise<void> {
    const producer = ++this.#count;
    // Again: a worker that leaves takes its notes away.
    startNoWorker(this.#self);
    const script = `for ((i = 0; i < $1; i++)); do
      queue_db_write "INSERT INTO log(t) VALUES('producer $2 ' || :i)" op $((3 + i % 2 * 4)) '{}' "i=$i" || exit
    done`;
    const before = new Set(this.#pending());
    const result = await this.#self.bash(script, [String(count), String(producer)]);
    assert.deepEqual([result.code, result.stderr], [0, '']);
    const names = this.#pending().filter((name) => !before.has(name));
    assert.equal(names.length, count);
    for (const name of names) {
      const { params } = JSON.parse(readFileSync(join(this.#self.spool, 'pending', name), 'utf8'));
      const sent = {
        name,
        key: `producer ${producer} ${params.i}`,
        age: 0,
        priority: Number(name.slice(0, 2)),
      };
      this.#sent.set(name, { ...sent, kind: 'row', other: false, delay: 'none' });
    }
  }

  /** What waits now: the entries that are due, and the names of which it can't be said when they come. */
  #present(): { due: ModelEntry[]; loose: Set<string> } {
    const due: ModelEntry[] = [];
    const loose = new Set<string>();
    const looseKeys = new Set<string>();
    for (const name of this.#pending()) {
      const sent = this.#of(name);
      const text = readFileSync(join(this.#self.spool, 'pending', name), 'utf8');
      const { retries = 0, not_before: at } = JSON.parse(text) as { retries?: number; not_before?: string };
      const database = sent.other ? 'other' : 'main';
      const isDue = at === undefined || Date.parse(at) <= Date.now();
      const passes = sent.kind === 'passes later' && existsSync(join(this.#self.dir, 'gate'));
      const fate = passes ? 'row' : sent.kind === 'passes later' ? 'fails for now' : sent.kind;
      if (isDue) due.push({ name, database, key: sent.key, fate, retriesLeft: RETRIES - retries });
      if (!isDue || (fate === 'fails for now' && retries < RETRIES)) {
        loose.add(name);
        looseKeys.add(`${database} ${sent.key}`);
      }
    }
    // Nor of those that have an id in common with one of them.
    for (const { name, key, other } of this.#sent.values())
      if (looseKeys.has(`${other ? 'other' : 'main'} ${key}`)) loose.add(name);
    return { due, loose };
  }

  async #drain({ mode, batch, down, killAt }: Round): Promise<void> {
    const self = this.#self;
    const env = {
      QUEUE_BATCH_SIZE: String(batch),
      QUEUE_AGING: String(this.#aging),
      QUEUE_MAX_RETRIES: String(RETRIES),
      QUEUE_ALLOW_ATTACH: 'true',
      SQLITE_BUSY_TIMEOUT: '50',
    };
    if (down) this.outages += 1;
    const lock = down && new Database(this.#path(down)).exec('BEGIN IMMEDIATE');
    try {
      if (mode === 'here') await this.#drainHere(env);
      else if (mode === 'killed') await this.#kill(env, killAt);
      else {
        const result = await self.run('queue-worker', ['run', '--once'], { env });
        assert.ok([0, 1, 3].includes(result.code ?? -1), `${result.code}: ${result.stderr}`);
      }
    } finally {
      lock?.close();
    }
  }

  /** With lanes of three names, which no backlog of a test would fill otherwise. */
  async #drainHere(env: Record<string, string>): Promise<void> {
    const config = loadConfig({ ...this.#self.env, ...env });
    const spool = spoolAt(config.baseDir);
    const lock = await waitFor('the lock', () => WorkerLock.tryAcquire(spool));
    try {
      await new Worker({ spool, config, log: () => {}, lock, once: true, laneLimit: 3 }).run();
    } finally {
      lock.release();
    }
  }

  async #kill(env: Record<string, string>, killAt: number): Promise<void> {
    const left = this.#pending().length - killAt;
    const command = join(DIST, 'queue-worker');
    const worker = background(this.#t, this.#self, command, ['run', '--once'], env);
    let isThere = true;
    void worker.ended.then(() => {
      isThere = false;
    });
    // Not waitFor, which looks too seldom to come in the middle of it.
    while (isThere && this.#pending().length > left) await new Promise((done) => setTimeout(done, 1));
    if (isThere) process.kill(worker.pid, 'SIGKILL');
    await worker.ended;
    this.kills += 1;
  }

  #pending(): string[] {
    return this.#self.names('pending');
  }

  #path(database: Name): string {
    return database === 'main' ? this.#self.db : join(this.#self.dir, 'other.db');
  }

  #of(name: string): Sent {
    const sent = this.#sent.get(name);
    assert.ok(sent, `${name} was never sent`);
    return sent;
  }

  /** The names of the rows, in their order: a row of a bash producer has its key for a text. */
  #read(database: Name): string[] {
    const byKey = new Map([...this.#sent.values()].map(({ name, key }) => [key, name]));
    return logged(this.#self, this.#path(database)).map((text) =>
      this.#sent.has(text as string) ? (text as string) : (byKey.get(text as string) ?? `unknown: ${text}`),
    );
  }
}
