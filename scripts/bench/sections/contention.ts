/**
 * Many writers at once: 1, 4 and 16 bash processes with 200 writes each, systems interleaved block by block; then
 * the same while another connection holds the database's write lock, from just before the writers start.
 *
 * The queue runs with a real worker, and a block ends when it has drained, so that systems don't overlap. `missing`
 * is counted in the database at the end: rows that were written and are not there, whether the write reported an
 * error or not. The no-op is a program that writes nothing, started by as many bash processes.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Context, missingExecutable } from '../context.ts';
import type { Plot, Result, Row, Table } from '../model.ts';
import { reasonOf } from '../run.ts';
import { hasProgram, quote, timeInBash } from '../shell.ts';
import { median, timeColumns, timeRow } from '../stats.ts';
import { countRows, DIST, type Project, QUEUE_LIB } from '../workspace.ts';

const NO_OP = 'bash -c : (no-op)';
const DRAIN_PATIENCE_MS = 60_000;

interface System {
  readonly name: string;
  /** Through the spool and its worker; else at once. */
  readonly queued: boolean;
  readonly prelude?: string;
  /** The command, given shell words for the database and the SQL. */
  readonly body: (db: string, sql: string) => string;
  readonly missing: string | undefined;
}

interface Tally {
  readonly ms: number[];
  errors: number;
  written: number;
  /** Seconds from a block's last write to its last row. */
  readonly drained: number[];
}

export async function contentionSection(context: Context): Promise<Result> {
  const { pick } = context;
  const all = [1, 4, 16];
  const plan = pick({
    full: [0, 2, 6].map((hold) => ({ hold, counts: all })),
    quick: [
      { hold: 0, counts: all },
      { hold: 1, counts: [4] },
    ],
    smoke: [
      { hold: 0, counts: [2] },
      { hold: 0.1, counts: [2] },
    ],
  });
  const tables: Table[] = [];
  const plots: Plot[] = [];
  for (const { hold, counts } of plan) {
    const rows: Row[] = [];
    for (const writers of counts) rows.push(...(await compare(context, writers, hold)));
    const title =
      hold === 0
        ? 'Parallel writers'
        : `The same while another connection holds the write lock for ${hold} s`;
    const method = `Each writer is a bash process that makes ${writesOf(context)} writes one after the other. missing: rows not in the database at the end; drained: seconds from the last write until the last row is there.`;
    const columns = timeColumns(
      'ms',
      { key: 'errors', label: 'errors' },
      { key: 'missing', label: 'missing' },
      { key: 'drained', label: 'drained s' },
    );
    tables.push({ title, method, columns, rows });
    plots.push(plotOf(hold, counts, rows));
  }
  return { tables, targets: [], plots };
}

function writesOf({ pick }: Context): number {
  return pick({ full: 200, quick: 12, smoke: 2 });
}

async function compare(context: Context, writers: number, hold: number): Promise<Row[]> {
  const systems = systemsOf();
  const projects = new Map<System, Project>();
  const tallies = new Map<System, Tally>();
  const rows: Row[] = [];
  const failures = new Map<System, string>();
  for (const system of systems) {
    if (system.missing) continue;
    projects.set(system, context.workspace.project('contention'));
    tallies.set(system, { ms: [], errors: 0, written: 0, drained: [] });
  }
  // A block is long enough for the writers to meet; while the lock is held there is one, as it is held once.
  const blocks = hold === 0 ? context.pick({ full: 4, quick: 2, smoke: 1 }) : 1;
  const perBlock = Math.ceil(writesOf(context) / blocks);
  for (let block = 0; block < blocks; block++) {
    for (const [system, project] of projects) {
      context.progress(`${writers} writers${hold ? `, lock held ${hold} s` : ''}: ${system.name}`);
      try {
        await writeBlock(context, system, project, tallies.get(system) as Tally, {
          writers,
          hold,
          first: block * perBlock,
          count: perBlock,
        });
      } catch (error) {
        failures.set(system, reasonOf(error));
      }
    }
  }
  const noOp = systems.find(({ name }) => name === NO_OP);
  const base = { name: NO_OP, values: (noOp && tallies.get(noOp)?.ms) ?? [] };
  for (const system of systems) {
    const name = `${writers} x ${system.name}`;
    const project = projects.get(system);
    const why = system.missing ?? failures.get(system);
    if (why || !project) {
      rows.push({ name, notMeasured: why ?? 'not run' });
      continue;
    }
    const { ms, errors, written, drained } = tallies.get(system) as Tally;
    const missing = system === noOp ? null : written - countRows(project.db).distinct;
    const more = { errors, missing, drained: drained.length > 0 ? median(drained) : null };
    rows.push(timeRow(name, ms, base, more));
  }
  for (const project of projects.values()) await context.workspace.discard(project);
  return rows;
}

interface Block {
  readonly writers: number;
  readonly hold: number;
  readonly first: number;
  readonly count: number;
}

async function writeBlock(
  { workspace }: Context,
  system: System,
  project: Project,
  tally: Tally,
  block: Block,
): Promise<void> {
  if (system.queued) startWorker(project);
  const release = holdLock(project.db, block.hold);
  const writing = Array.from({ length: block.writers }, (_, writer) => {
    const sql = `"INSERT INTO events(session, hook) VALUES ('${writer}', '$((round + ${block.first}))')"`;
    return timeInBash(workspace, {
      prelude: `exec 2>/dev/null\n${system.prelude ?? ''}`,
      cases: [{ name: 'it', body: system.body(quote(project.db), sql) }],
      rounds: block.count,
      warmUp: 0,
      env: project.env,
      cwd: project.dir,
    });
  });
  try {
    for (const samples of await Promise.all(writing)) {
      const own = samples.get('it');
      for (const ms of own?.ms ?? []) tally.ms.push(ms);
      tally.errors += own?.failed ?? 0;
      tally.written += block.count;
    }
  } finally {
    await release;
  }
  if (system.queued) tally.drained.push(await drainTime(project, tally.written - tally.errors));
}

/** Holds the write lock for `seconds` from now on. Resolves when it is free. */
function holdLock(path: string, seconds: number): Promise<void> {
  if (seconds === 0) return Promise.resolve();
  const db = new Database(path, { timeout: 10_000 });
  db.exec('BEGIN IMMEDIATE');
  return new Promise((done) => {
    setTimeout(() => {
      db.exec('ROLLBACK');
      db.close();
      done();
    }, seconds * 1000);
  });
}

function startWorker(project: Project): void {
  const { status, stderr } = spawnSync(join(DIST, 'queue-worker'), ['start'], {
    env: project.env,
    cwd: project.dir,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the worker did not start: ${stderr}`);
}

/** Seconds from now until the table has `rows` rows. @throws Error when it does not come to that. */
async function drainTime(project: Project, rows: number): Promise<number> {
  const start = performance.now();
  const db = new Database(project.db, { readonly: true, timeout: 10_000 });
  try {
    const count = db.prepare('SELECT count(*) FROM events').pluck();
    while ((count.get() as number) < rows) {
      if (performance.now() - start > DRAIN_PATIENCE_MS) {
        throw new Error(`after ${DRAIN_PATIENCE_MS / 1000} s only ${count.get()} of ${rows} rows were there`);
      }
      await new Promise((done) => setTimeout(done, 2));
    }
    return (performance.now() - start) / 1000;
  } finally {
    db.close();
  }
}

function systemsOf(): System[] {
  const noSqlite = hasProgram('sqlite3') ? undefined : 'sqlite3 is not there';
  const noWorker = missingExecutable('queue-worker');
  const write = quote(join(DIST, 'queue-write'));
  return [
    { name: NO_OP, queued: false, body: () => 'bash -c :', missing: undefined },
    {
      name: 'sourced queue_db_write',
      queued: true,
      prelude: `. ${quote(QUEUE_LIB)}`,
      body: (_db, sql) => `queue_db_write ${sql} op 5`,
      missing: noWorker,
    },
    {
      name: 'dist/queue-write',
      queued: true,
      body: (_db, sql) => `${write} ${sql} op 5`,
      missing: noWorker ?? missingExecutable('queue-write'),
    },
    {
      name: 'sqlite3, no busy timeout',
      queued: false,
      body: (db, sql) => `sqlite3 ${db} ${sql}`,
      missing: noSqlite,
    },
    {
      name: 'sqlite3, .timeout 5000',
      queued: false,
      body: (db, sql) => `sqlite3 -cmd '.timeout 5000' ${db} ${sql}`,
      missing: noSqlite,
    },
  ];
}

function plotOf(hold: number, counts: readonly number[], rows: readonly Row[]): Plot {
  // The longest: of 200 writes in a row it is one that waits for the lock.
  const longest = (name: string): number | null =>
    (rows.find((row) => row.name === name)?.values?.max as number | undefined) ?? null;
  return {
    file: `contention-${hold}s`,
    title:
      hold === 0
        ? 'Parallel writers: the longest write (ms, logarithmic)'
        : `Write lock held for ${hold} s: the longest write (ms, logarithmic)`,
    kind: 'bar',
    unit: 'ms',
    log: true,
    categories: counts.map((writers) => (writers === 1 ? '1 writer' : `${writers} writers`)),
    series: systemsOf().map(({ name }) => ({
      name,
      values: counts.map((writers) => longest(`${writers} x ${name}`)),
    })),
  };
}
