/**
 * Draining into a PostgreSQL server on this machine, which syncs each commit to the disk of TMPDIR: the sink alone, the
 * worker as a whole process, several at once; against a program that inserts and commits one row at a time over one
 * connection, with prepared statements.
 */
import { join } from 'node:path';
import pg from 'pg';
import { openSink } from '../../../lib/sink/sink.ts';
import type { Entry } from '../../../lib/spool/entry.ts';
import { noPostgres, type Server, startServer } from '../../../test/support/postgres-server.ts';
import type { Context } from '../context.ts';
import { type Result, type Row, type Table, target } from '../model.ts';
import { runOk } from '../run.ts';
import { fill, INSERT, values } from '../spool-files.ts';
import { median } from '../stats.ts';
import { DIST, type Project } from '../workspace.ts';

const BATCH = 500;
const SPOOLS = 4;

export async function postgresSection(context: Context): Promise<Result> {
  const table: Omit<Table, 'rows'> = {
    title: 'Entries a second into a PostgreSQL server',
    method:
      'Rounds in turns; the same 600-byte entries as in Draining. Ratio: rate to that of BEGIN, INSERT, COMMIT one at a time. Client and server share the cores.',
    columns: [
      { key: 'perSecond', label: 'entries/s' },
      { key: 'ratio', label: 'ratio' },
      { key: 'commits', label: 'commits per 1 000' },
    ],
  };
  const missing = noPostgres();
  if (missing)
    return {
      tables: [{ ...table, rows: [{ name: 'server', notMeasured: missing }] }],
      targets: [],
      plots: [],
    };
  const server = await startServer();
  const onExit = (): void => server.endNow();
  process.once('exit', onExit);
  try {
    return await measure(context, server, table);
  } finally {
    process.removeListener('exit', onExit);
    await server.end();
  }
}

async function measure(context: Context, server: Server, table: Omit<Table, 'rows'>): Promise<Result> {
  const { pick, progress } = context;
  // About a second each: at first all of them are slower.
  const single = pick({ full: 3000, quick: 300, smoke: 10 });
  const steady = pick({ full: 30_000, quick: 5000, smoke: 50 });
  const many = pick({ full: 10_000, quick: 5000, smoke: 50 });
  const rounds = pick({ full: 5, quick: 2, smoke: 1 });
  await server.database('bench');
  await server.sql('CREATE TABLE events(session text, hook text)', 'bench');
  const rates: Record<string, { rates: number[]; commits: number[] }> = {};
  const time = async (
    name: string,
    count: number,
    body: () => Promise<number | undefined>,
  ): Promise<void> => {
    progress(`PostgreSQL: ${name}`);
    await server.sql('TRUNCATE events', 'bench');
    const before = await transactions(server);
    const start = performance.now();
    const ms = (await body()) ?? performance.now() - start;
    const used = (await transactions(server)) - before - 1;
    const [row] = await server.sql('SELECT count(*)::int AS n FROM events', 'bench');
    if (row?.n !== count) throw new Error(`${name}: ${count} entries became ${row?.n} rows`);
    rates[name] ??= { rates: [], commits: [] };
    rates[name].rates.push((count * 1000) / ms);
    rates[name].commits.push((used * 1000) / count);
  };
  for (let round = 0; round < rounds; round++) {
    await time('BEGIN, INSERT, COMMIT one at a time', single, () => oneByOne(server, single, true));
    await time('INSERT one at a time, each its own commit', single, () => oneByOne(server, single, false));
    await time(`the sink alone, ${BATCH} at a time`, steady, () => throughSink(server, steady));
    await time(`the worker, ${many}, whole process`, many, () => drain(context, server, 1, many));
    await time(`${SPOOLS} workers, ${many / 2} each`, SPOOLS * (many / 2), () =>
      drain(context, server, SPOOLS, many / 2),
    );
  }
  const back = await recovery(context, server, many);
  const base = median(rates['BEGIN, INSERT, COMMIT one at a time']?.rates ?? []);
  const rows = Object.entries(rates).map(
    ([name, own]): Row => ({
      name,
      values: {
        perSecond: Math.round(median(own.rates)),
        ratio: Number((median(own.rates) / base).toPrecision(3)),
        commits: Number(median(own.commits).toPrecision(3)),
      },
    }),
  );
  rows.push({
    name: `after an outage, ${many} waiting`,
    values: { perSecond: Math.round((many * 1000) / back), ratio: null, commits: null },
  });
  const sink = rates[`the sink alone, ${BATCH} at a time`];
  return {
    tables: [{ ...table, rows }],
    targets: [
      target('rate into PostgreSQL to INSERT + COMMIT one at a time', sink && median(sink.rates) / base, {
        atLeast: 10,
        unit: 'x',
      }),
      target('commits saved by batches', sink && 1000 / median(sink.commits), { atLeast: 50, unit: 'x' }),
      target(`drained after the server's return, ${many} entries`, back / 1000, { below: 3, unit: 's' }),
    ],
    plots: [],
  };
}

/** How many transactions have written so far. */
async function transactions(server: Server): Promise<number> {
  return Number((await server.sql('SELECT pg_current_xact_id()::text AS id', 'bench'))[0]?.id);
}

async function oneByOne(server: Server, count: number, isExplicit: boolean): Promise<number> {
  const { port, password } = server;
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'queue', password, database: 'bench' });
  await client.connect();
  const start = performance.now();
  for (let index = 0; index < count; index++) {
    const { session, hook } = values(index);
    if (isExplicit) await client.query('BEGIN');
    await client.query({
      name: 'insert',
      text: 'INSERT INTO events VALUES ($1, $2)',
      values: [session, hook],
    });
    if (isExplicit) await client.query('COMMIT');
  }
  const ms = performance.now() - start;
  await client.end();
  return ms;
}

async function throughSink(server: Server, count: number): Promise<number> {
  process.env.PGPASSWORD = server.password;
  const options = {
    busyTimeout: 1000,
    exactlyOnce: true,
    allowAttach: false,
    mustExist: false,
    createDirectory: false,
  };
  const sink = openSink(server.url('bench'), { ...options, connectTimeout: 5000 });
  const mark = `${process.pid}-${performance.now()}`;
  const items = Array.from({ length: count }, (_, index) => ({
    entry: { sql: INSERT, params: values(index) } as unknown as Entry,
    key: `${mark}/${index}`,
  }));
  sink.applied([]);
  const start = performance.now();
  for (let at = 0; at < count; ) at += sink.applyMany?.(items.slice(at, at + BATCH)).length ?? count;
  const ms = performance.now() - start;
  sink.close();
  return ms;
}

function envOf(project: Project, server: Server): Record<string, string> {
  return { ...project.env, HIVE_DB: server.url('bench'), PGPASSWORD: server.password };
}

async function drain({ workspace }: Context, server: Server, spools: number, count: number): Promise<number> {
  const projects = Array.from({ length: spools }, (_, index) => workspace.project(`postgres-${index}`));
  for (const { spool } of projects) await fill(spool, count);
  const start = performance.now();
  await Promise.all(
    projects.map((project) =>
      runOk(workspace, join(DIST, 'queue-worker'), ['run', '--once'], {
        env: envOf(project, server),
        cwd: project.dir,
      }),
    ),
  );
  const ms = performance.now() - start;
  for (const project of projects) await workspace.discard(project);
  return ms;
}

/** A worker waits for a server that is down; from when that answers again until the last row is there. */
async function recovery({ workspace, progress }: Context, server: Server, count: number): Promise<number> {
  progress('PostgreSQL: an outage');
  await server.sql('TRUNCATE events', 'bench');
  const project = workspace.project('postgres-outage');
  await fill(project.spool, count);
  await server.stop();
  const env = envOf(project, server);
  await runOk(workspace, join(DIST, 'queue-worker'), ['start'], { env, cwd: project.dir });
  await new Promise((done) => setTimeout(done, 3000));
  await server.start();
  const start = performance.now();
  for (;;) {
    const [row] = await server.sql('SELECT count(*)::int AS n FROM events', 'bench');
    if (row?.n === count) break;
    await new Promise((done) => setTimeout(done, 20));
  }
  const ms = performance.now() - start;
  await workspace.discard(project);
  return ms;
}
