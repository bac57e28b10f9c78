/**
 * Pushing over HTTP: queue-serve as a process, and programs/http-push.mjs as its clients.
 *
 * - rate: batches of 100 items, one client and four; until they are answered, and until they are in the database too.
 * - latency: one item at a time on a connection that stays open, with buffer fields and without.
 * - recovery: the database is locked, 10,000 items are pushed (and spooled), the lock is let go.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Context, missingExecutable } from '../context.ts';
import { type Result, type Row, type Target, target } from '../model.ts';
import { reasonOf, runOk } from '../run.ts';
import { median, timeColumns, timeRow } from '../stats.ts';
import { BENCH, countRows, DIST, type Project } from '../workspace.ts';

interface Load {
  readonly name: string;
  readonly clients: number;
  readonly batch: number;
  readonly count: number;
  readonly buffer: boolean;
}

interface Pushed {
  /** Milliseconds of each request. */
  readonly times: number[];
  readonly ms: number;
}

const LOOK_MS = 5;
/** Requests to a server that has just started, and to its worker. */
const WARM = 200;

export async function serveSection(context: Context): Promise<Result> {
  const { pick, progress } = context;
  const missing = missingExecutable('queue-serve');
  const many = pick({ full: 50_000, quick: 10_000, smoke: 200 });
  const singles = pick({ full: 2000, quick: 500, smoke: 5 });
  const outage = pick({ full: 10_000, quick: 10_000, smoke: 200 });
  const rounds = pick({ full: 3, quick: 1, smoke: 1 });
  const loads: Load[] = [1, 4].flatMap((clients) =>
    [true, false].map((buffer) => ({
      name: `batches of 100, ${clients === 1 ? '1 client' : `${clients} clients`}, ${buffer ? 'buffered' : 'database first'}`,
      clients,
      batch: 100,
      count: many,
      buffer,
    })),
  );
  const alone: Load[] = [true, false].map((buffer) => ({
    name: `1 item a request, ${buffer ? 'buffered' : 'database first'}`,
    clients: 1,
    batch: 1,
    count: singles,
    buffer,
  }));
  const rateRows: Row[] = [];
  const timeRows: Row[] = [];
  const recoveryRows: Row[] = [];
  const targets: Target[] = [];
  const attempt = async (rows: Row[], name: string, measure: () => Promise<Row>): Promise<void> => {
    progress(name);
    try {
      rows.push(missing === undefined ? await measure() : { name, notMeasured: missing });
    } catch (error) {
      rows.push({ name, notMeasured: reasonOf(error) });
    }
  };
  for (const load of loads) {
    await attempt(rateRows, load.name, async () => {
      const answered: number[] = [];
      const applied: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const result = await measureRate(context, load);
        answered.push((load.count * 1000) / result.answeredMs);
        applied.push((load.count * 1000) / result.appliedMs);
      }
      return { name: load.name, values: { answered: median(answered), applied: median(applied), n: rounds } };
    });
  }
  const floor = 'bare node:http, which does nothing';
  const base: number[] = [];
  const times = new Map<string, number[]>(alone.map(({ name }) => [name, []]));
  let failure: unknown;
  try {
    // In turns: what else the machine does meets all of them.
    for (let round = 0; round < rounds && missing === undefined; round++) {
      progress('1 item a request');
      base.push(...(await measureFloor(context, alone[0] as Load)));
      for (const load of alone) times.get(load.name)?.push(...(await measureSingles(context, load)));
    }
  } catch (error) {
    failure = error;
  }
  for (const [name, values] of [[floor, base] as const, ...times]) {
    await attempt(timeRows, name, async () => {
      if (failure !== undefined) throw failure;
      return name === floor ? timeRow(name, values) : timeRow(name, values, { name: 'bare', values: base });
    });
  }
  const recovery = `${outage.toLocaleString('en-US')} items pushed in an outage`;
  const recoveries: number[] = [];
  await attempt(recoveryRows, recovery, async () => {
    for (let round = 0; round < rounds; round++) recoveries.push(await measureRecovery(context, outage));
    return timeRow(recovery, recoveries);
  });
  targets.push(
    target('push over HTTP, batches of 100, answered', numberOf(rateRows[0], 'answered'), {
      atLeast: 5000,
      unit: 'items/s',
    }),
    target('the same, database first', numberOf(rateRows[1], 'answered'), { atLeast: 5000, unit: 'items/s' }),
    target('p99 of a single buffered push', numberOf(timeRows[1], 'p99'), { below: 5, unit: 'ms' }),
    target('recovery of 10,000 buffered entries', median(recoveries) / 1000, { below: 3, unit: 's' }),
  );
  return {
    tables: [
      {
        title: 'Pushing over HTTP',
        method: `${many} items; queue-serve, its worker and the clients share this machine. Answered: until the last answer; applied: until the last row.`,
        columns: [
          { key: 'answered', label: 'answered items/s' },
          { key: 'applied', label: 'applied items/s' },
          { key: 'n', label: 'n' },
        ],
        rows: rateRows,
      },
      {
        title: 'One push',
        method: `From the request to the end of the answer, one after the other on one connection, by servers and a worker that run: after ${WARM} that are not counted.`,
        columns: timeColumns('ms'),
        rows: timeRows,
      },
      {
        title: 'After an outage',
        method: 'From the unlocking of the database to the last row.',
        columns: timeColumns('ms'),
        rows: recoveryRows,
      },
    ],
    targets,
    plots: [],
  };
}

function numberOf(row: Row | undefined, key: string): number {
  const value = row?.values?.[key];
  return typeof value === 'number' ? value : Number.NaN;
}

async function measureRate(context: Context, load: Load): Promise<{ answeredMs: number; appliedMs: number }> {
  return withServer(context, async ({ project, url, token }) => {
    await push(context, project, url, token, { ...load, count: load.batch * load.clients });
    await untilRows(project, load.batch * load.clients);
    const start = performance.now();
    const { ms } = await push(context, project, url, token, load);
    const answered = performance.now();
    await untilRows(project, load.count + load.batch * load.clients);
    const afterwards = performance.now() - answered;
    // The client's own clock: its start is none of the server's time.
    return { answeredMs: ms, appliedMs: Math.min(ms + afterwards, performance.now() - start) };
  });
}

async function measureSingles(context: Context, load: Load): Promise<number[]> {
  return withServer(context, async ({ project, url, token }) => {
    await push(context, project, url, token, { ...load, count: WARM });
    await untilRows(project, WARM);
    const { times } = await push(context, project, url, token, load);
    await untilRows(project, WARM + load.count);
    return times;
  });
}

async function measureFloor(context: Context, load: Load): Promise<number[]> {
  const { workspace } = context;
  const project = workspace.project('floor');
  const child = workspace.spawn(process.execPath, [join(BENCH, 'programs', 'http-sink.mjs')], {
    env: project.env,
  });
  const port = await new Promise((done) => child.stdout?.once('data', (chunk) => done(String(chunk).trim())));
  const url = `http://127.0.0.1:${port}`;
  try {
    await push(context, project, url, 'none', { ...load, count: WARM });
    return (await push(context, project, url, 'none', load)).times;
  } finally {
    child.kill();
    await workspace.discard(project);
  }
}

async function measureRecovery(context: Context, count: number): Promise<number> {
  return withServer(context, async ({ project, url, token }) => {
    const db = new Database(project.db, { timeout: 10_000 });
    db.exec('BEGIN IMMEDIATE');
    await push(context, project, url, token, { name: '', clients: 1, batch: 100, count, buffer: false });
    const start = performance.now();
    db.exec('ROLLBACK');
    db.close();
    await untilRows(project, count);
    return performance.now() - start;
  });
}

interface Server {
  readonly project: Project;
  readonly url: string;
  readonly token: string;
}

async function withServer<T>(context: Context, work: (server: Server) => Promise<T>): Promise<T> {
  const { workspace } = context;
  const project = workspace.project('serve');
  const child = workspace.spawn(join(DIST, 'queue-serve'), ['--port', '0'], {
    env: project.env,
    cwd: project.dir,
  });
  try {
    const url = await listening(child);
    const token = readFileSync(join(project.spool.base, 'serve.token'), 'utf8').trim();
    return await work({ project, url, token });
  } finally {
    const ended = new Promise((done) => child.once('close', done));
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    await workspace.discard(project);
  }
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    let out = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk;
      const url = /listens on (\S+?),/.exec(out)?.[1];
      if (url) done(url);
    });
    child.once('close', (code) => fail(new Error(`queue-serve ended with ${code}`)));
  });
}

async function push(
  { workspace }: Context,
  project: Project,
  url: string,
  token: string,
  { clients, batch, count, buffer }: Load,
): Promise<Pushed> {
  const env = { ...project.env, HOOKSPOOL_TOKEN: token };
  const args = [join(BENCH, 'programs', 'http-push.mjs'), url, ...[clients, batch, count].map(String)];
  const { stdout } = await runOk(workspace, process.execPath, [...args, buffer ? 'buffer' : 'direct'], {
    env,
    cwd: project.dir,
  });
  return JSON.parse(stdout) as Pushed;
}

async function untilRows(project: Project, count: number): Promise<void> {
  for (const end = performance.now() + 120_000; countRows(project.db).rows < count; ) {
    if (performance.now() > end) throw new Error(`${countRows(project.db).rows} of ${count} rows arrived`);
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}
