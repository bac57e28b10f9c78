/**
 * A batch with an entry of every kind that a worker handles in a way of its own, and the account of what must have
 * become of it: each entry applied once and in order, the journal complete, nothing left lying about.
 */
import assert from 'node:assert/strict';
import { existsSync, lutimesSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { compare, type Figures } from './faults.ts';
import { type Project, projectWithin, waitFor } from './project.ts';
import { entryText, execute, letter, logs, put, withLog } from './queue.ts';

/** The entry that can't be applied, and those that are, by database, in order. */
const BAD = 'bad';
const EXPECTED = {
  main: ['a', 'own id', 'value', 'migrated', 'z'],
  other: ['other'],
  busy: ['retried'],
} as const;
type Target = keyof typeof EXPECTED;
const TARGETS = Object.keys(EXPECTED) as Target[];
export const ENTRIES = Object.values(EXPECTED).flat().length + 1;

const LONG_AGO_S = Date.now() / 1000 - 3600;
/** Of a process that is gone: files in values/ are a living writer's until it has ended. */
const WRITER = 4_194_303;

export interface Batch {
  readonly self: Project;
  /** Names in pending/ by what they log. */
  readonly names: ReadonlyMap<string, string>;
  /** Ends what makes an entry fail at first; it may be applied from then on. */
  release(): void;
}

export const BATCH_ENV = { QUEUE_BATCH_SIZE: '3', SQLITE_BUSY_TIMEOUT: '200' };

/** A project inside `outer` with the batch in pending/. */
export function batchWithin(outer: Project, directory: string): Batch {
  const self = projectWithin(outer, directory, BATCH_ENV);
  const paths = pathsOf(self);
  withLog(self);
  withLog(self, paths.busy);
  execute(self, 'PRAGMA journal_mode=WAL', paths.busy);
  const schema = join(self.dir, 'schema.sql');
  writeFileSync(
    schema,
    '-- schema: s\n-- migration 1: m\nCREATE TABLE m(x);\n-- migration 2: i\nCREATE INDEX i ON m(x);\n',
  );
  const names = new Map<string, string>();
  const add = (text: string, sql: string, more: Record<string, unknown> = {}): string => {
    const name = `05_${1_700_000_000_000_000 + names.size}_${WRITER}.json`;
    names.set(text, name);
    return put(self, entryText(sql, more), name);
  };
  add('a', logs('a'));
  add('own id', logs('own id'), { id: 'own-id' });
  const valued = add('value', 'INSERT INTO log(t) VALUES(:v)', { values: ['v'] });
  writeFileSync(join(self.spool, 'values', `${valued}.v`), 'value\n', { mode: 0o600 });
  add(BAD, 'INSERT INTO nowhere VALUES(1)');
  add('migrated', `INSERT INTO m VALUES(1); ${logs('migrated')}`, { schema });
  add('other', `CREATE TABLE IF NOT EXISTS log(n INTEGER PRIMARY KEY, t); ${logs('other')}`, {
    db: paths.other,
  });
  // It can't have the database to itself while there is a reader: a failure that may pass.
  add('retried', `PRAGMA journal_mode=DELETE; ${logs('retried')}`, { db: paths.busy });
  add('z', logs('z'));
  const reader = new Database(paths.busy);
  reader.exec('BEGIN; SELECT * FROM log');
  return { self, names, release: () => reader.close() };
}

function pathsOf(self: Project): Record<Target, string> {
  return { main: self.db, other: join(self.dir, 'other.db'), busy: join(self.dir, 'busy.db') };
}

/**
 * Runs a fresh worker, which finds everything as it was left, with no fault. What is only removed when it is old is
 * old, and what is put off for a while is due.
 */
export async function finish(batch: Batch, context: string): Promise<void> {
  const { self } = batch;
  batch.release();
  for (const directory of ['.tmp', 'values', 'processing'] as const) {
    for (const name of self.names(directory)) {
      lutimesSync(join(self.spool, directory, name), LONG_AGO_S, LONG_AGO_S);
    }
  }
  await waitFor('the retry to be due', () => dueTimes(self).every((time) => time <= Date.now()));
  const result = await self.run('queue-worker', ['run', '--once']);
  assert.ok(result.code === 0 || result.code === 3, `${context}: ${result.stdout}${result.stderr}`);
}

function dueTimes(self: Project): number[] {
  return self.names('pending').map((name) => {
    const text = readFileSync(join(self.spool, 'pending', name), 'utf8');
    return Date.parse((JSON.parse(text) as { not_before?: string }).not_before ?? '1970-01-01');
  });
}

/** Everything is where it belongs, whatever happened on the way. @returns what a fault suite counts. */
export function settleAccount({ self, names }: Batch, context: string): Partial<Figures> {
  const paths = pathsOf(self);
  const figures = { entries: ENTRIES, lost: 0, duplicated: 0, outOfOrder: 0 };
  const nameOf = (text: string): string => names.get(text) as string;
  const lines = self.journal();
  const journal = lines.map((line) => line.name as string);
  // One that is tried again does not hold up the others.
  const retried = new Set(lines.filter((line) => line.retries !== 0).map((line) => line.name as string));
  const isInOrder = (text: string): boolean => !retried.has(nameOf(text));
  const identity = readFileSync(join(self.spool, '.identity'), 'latin1');
  for (const target of TARGETS) {
    const rows = query(paths[target], 'SELECT t FROM log ORDER BY n') as string[];
    const { lost, duplicated } = compare(EXPECTED[target], rows);
    figures.lost += lost.length;
    figures.duplicated += duplicated.length;
    assert.deepEqual({ lost, duplicated }, { lost: [], duplicated: [] }, `${context}: the rows of ${target}`);
    const inOrder = EXPECTED[target].filter(isInOrder);
    figures.outOfOrder += rows.filter(isInOrder).join() === inOrder.join() ? 0 : 1;
    assert.deepEqual(rows.filter(isInOrder), inOrder, `${context}: the order in ${target}`);
    const own = inOrder.map(nameOf);
    assert.deepEqual(
      journal.filter((name) => own.includes(name)),
      own,
      `${context}: the journal of ${target}`,
    );
    const keys = EXPECTED[target].map((text) =>
      text === 'own id' ? 'own-id' : `${identity}/${nameOf(text).slice(0, -'.json'.length)}`,
    );
    const ledger = query(paths[target], 'SELECT id FROM _queue_ledger') as string[];
    const probes = ledger.filter((key) => !key.includes('/probe-'));
    assert.deepEqual(probes.sort(), keys.sort(), `${context}: the ledger of ${target}`);
    assert.deepEqual(query(paths[target], 'PRAGMA integrity_check'), ['ok'], `${context}: ${target}`);
  }
  assert.equal(new Set(journal).size, journal.length, `${context}: the journal has ${journal}`);
  assert.equal(journal.length, ENTRIES - 1, `${context}: the journal has ${journal}`);
  assert.deepEqual(query(self.db, 'SELECT x FROM m'), [1], `${context}: what was migrated`);
  assert.deepEqual(query(self.db, 'SELECT version FROM _queue_migrations'), [1, 2], `${context}: migrations`);
  assert.deepEqual(self.names('failed'), [nameOf(BAD)], `${context}: failed/`);
  assert.match(letter(self, nameOf(BAD)).message, /no such table/, context);
  for (const directory of ['pending', 'processing', 'values', '.tmp'] as const) {
    assert.deepEqual(self.names(directory), [], `${context}: ${directory}/`);
  }
  assert.equal(existsSync(join(self.spool, 'worker.pid')), false, `${context}: worker.pid`);
  return figures;
}

function query(path: string, sql: string): unknown[] {
  const db = new Database(path, { fileMustExist: true, timeout: 10_000 });
  try {
    return db.prepare(sql).pluck().all();
  } finally {
    db.close();
  }
}
