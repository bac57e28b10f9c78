/**
 * What a hook pays.
 *
 * - Inside a running bash: the sourced function against /bin/true, twice: with a real worker and 20 ms between calls
 *   (a hook's calls are not back to back; at that spacing the worker has applied one before the next is timed), and
 *   back to back with a heartbeat but no worker, so that nothing else runs.
 * - Processes started from bash, one of each a round, with a heartbeat only. Each is compared with the no-op of its
 *   kind: a shell script with `bash -c :`, a Node script with `node -e 0`.
 * - Inside a running Node process, where none syncs the disk (see the section on durability for that).
 * Forks and execs are counted by strace, starting the program itself included.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Context, missingExecutable } from '../context.ts';
import { type Plot, type Result, type Row, type Table, target } from '../model.ts';
import { countProcesses, failureOf, quote, type Samples, timeInBash } from '../shell.ts';
import { timeColumns, timeRow } from '../stats.ts';
import { BENCH, DIST, type Project, QUEUE_LIB } from '../workspace.ts';
import { oldBash, SQL, startHttp, systemsOf } from './hook-systems.ts';
import { inProcessTable } from './in-process.ts';

const SOURCED = `queue_db_write "${SQL}" op 5`;
const LIVE_GAP_MS = 20;
const COUNT_COLUMNS = [
  { key: 'forks', label: 'forks' },
  { key: 'execs', label: 'execs' },
];

export async function hookSection(context: Context): Promise<Result> {
  const live = await liveTable(context);
  const still = await backToBack(context);
  const processes = await processTable(context);
  const inProcess = await inProcessTable(
    context,
    {
      enqueue: 'hookspool enqueue()',
      file: 'a plain file (open, write, close)',
      'sqlite-normal': 'better-sqlite3, synchronous=NORMAL',
      plainjob: `${context.peers.title('plainjob')} add()`,
      liteque: `${context.peers.title('liteque')} enqueue()`,
    },
    'file',
  );
  const get = (table: Table, name: string, key: string): number | undefined => {
    const value = table.rows.find((row) => row.name === name)?.values?.[key];
    return typeof value === 'number' ? value : undefined;
  };
  const forks = get(live, 'queue_db_write', 'forks');
  const execs = get(live, 'queue_db_write', 'execs');
  return {
    tables: [live, still, processes, inProcess],
    targets: [
      target(
        'sourced queue_db_write, forks and execs',
        forks === undefined ? undefined : forks + (execs ?? 0),
        { atMost: 0, unit: 'processes' },
        'strace is not there',
      ),
      target('sourced queue_db_write to /bin/true, worker alive', get(live, 'queue_db_write', 'ratio'), {
        atMost: 0.25,
        unit: 'x',
      }),
      target('sourced queue_db_write to /bin/true, back to back', get(still, 'queue_db_write', 'ratio'), {
        atMost: 0.25,
        unit: 'x',
      }),
      target('sourced queue_db_write p99, worker alive', get(live, 'queue_db_write', 'p99'), {
        below: 1,
        unit: 'ms',
      }),
      target(
        'dist/queue-write SQL op 5 to `bash -c :`',
        get(processes, 'dist/queue-write SQL op 5', 'ratio'),
        {
          atMost: 1.6,
          unit: 'x',
        },
      ),
      target(
        "the plugin's dearest hook on 1 KB to `bash -c :`",
        highest(processes, /^plugin's .* of 1 KB$/, 'ratio'),
        { atMost: 2.5, unit: 'x' },
      ),
      target("the plugin's tool-log.sh on 500 KB", highest(processes, /^plugin's .* of 500 KB$/, 'p50'), {
        atMost: 60,
        unit: 'ms',
      }),
      target('in-process enqueue() p50', get(inProcess, 'hookspool enqueue()', 'p50'), {
        below: 0.5,
        unit: 'ms',
      }),
    ],
    plots: [hookPlot(live, processes, inProcess)],
  };
}

function highest(table: Table, rows: RegExp, key: string): number | undefined {
  const values = table.rows.filter(({ name }) => rows.test(name)).map((row) => row.values?.[key]);
  return values.length > 0 && values.every((value) => typeof value === 'number')
    ? Math.max(...values)
    : undefined;
}

async function liveTable(context: Context): Promise<Table> {
  const { workspace, progress, pick } = context;
  const method = `Timed inside one bash, interleaved, a real worker draining, ${LIVE_GAP_MS} ms between calls.`;
  const title = 'A hook that sources the library, worker alive';
  const columns = timeColumns('ms', ...COUNT_COLUMNS);
  const missing = missingExecutable('queue-worker') ?? oldBash();
  if (missing) return { title, method, columns, rows: [{ name: 'queue_db_write', notMeasured: missing }] };
  const project = workspace.project('live');
  const started = spawnSync(join(DIST, 'queue-worker'), ['start'], { env: project.env, encoding: 'utf8' });
  if (started.status !== 0)
    return { title, method, columns, rows: [{ name: 'queue_db_write', notMeasured: started.stderr }] };
  progress('sourced queue_db_write, worker alive');
  const rows = await pair(context, project, pick({ full: 400, quick: 80, smoke: 4 }), LIVE_GAP_MS);
  await workspace.discard(project);
  return { title, method, columns, rows };
}

async function backToBack(context: Context): Promise<Table> {
  const { workspace, progress, pick } = context;
  const project = workspace.project('still');
  const stop = workspace.heartbeat(project);
  progress('sourced queue_db_write, back to back');
  const rows = oldBash()
    ? [{ name: 'queue_db_write', notMeasured: oldBash() as string }]
    : await pair(context, project, pick({ full: 1000, quick: 200, smoke: 4 }), 0);
  stop();
  await workspace.discard(project);
  return {
    title: 'The same, back to back',
    method: 'Timed inside one bash, interleaved, with a heartbeat but no worker: nothing else runs.',
    columns: timeColumns('ms', ...COUNT_COLUMNS),
    rows,
  };
}

/** queue_db_write and /bin/true, A B A B. */
async function pair({ workspace }: Context, project: Project, rounds: number, gapMs: number): Promise<Row[]> {
  const bash = { prelude: `. ${quote(QUEUE_LIB)}`, env: project.env, cwd: project.dir, gapMs };
  const cases = [
    { name: 'queue_db_write', body: SOURCED },
    { name: '/bin/true', body: '/bin/true' },
  ];
  const samples = await timeInBash(workspace, { ...bash, cases, rounds });
  const base = { name: '/bin/true', values: samples.get('/bin/true')?.ms ?? [] };
  const rows: Row[] = [];
  for (const { name, body } of cases) {
    const counts = await countProcesses(workspace, { ...bash, gapMs: 0 }, body);
    rows.push(
      rowOf(name, samples.get(name), base, { forks: counts?.forks ?? null, execs: counts?.execs ?? null }),
    );
  }
  return rows;
}

async function processTable(context: Context): Promise<Table> {
  const { workspace, progress, pick, options } = context;
  const project = workspace.project('processes');
  const stop = workspace.heartbeat(project);
  const http = await startHttp(context);
  const systems = systemsOf(context, project, http.port);
  const usable = systems.filter((system) => !system.missing);
  const bash = {
    prelude: `. ${quote(join(BENCH, 'programs', 'spool-by-hand.sh'))}`,
    env: { ...project.env, QUEUE_LIB, BY_HAND: project.dir },
    cwd: project.dir,
  };
  progress(`${usable.length} kinds of hook as processes`);
  const samples = await timeInBash(workspace, {
    ...bash,
    cases: usable,
    rounds: pick({ full: 200, quick: 20, smoke: 1 }),
  });
  const rows: Row[] = [];
  for (const { name, body, base, missing } of systems) {
    if (missing) {
      rows.push({ name, notMeasured: missing });
      continue;
    }
    progress(`counting the processes of ${name}`);
    // Two runs under strace for each would be most of a smoke run.
    const counts = options.effort === 'smoke' ? undefined : await countProcesses(workspace, bash, body);
    const values = samples.get(base)?.ms ?? [];
    rows.push(
      rowOf(
        name,
        samples.get(name),
        { name: base, values },
        { forks: counts?.forks ?? null, execs: counts?.execs ?? null },
      ),
    );
  }
  http.stop();
  stop();
  await workspace.discard(project);
  return {
    title: 'A hook as a process of its own',
    method:
      'Started from one bash, interleaved, with a heartbeat but no worker. Databases in WAL mode; hook script: reads its stdin and writes all of it as one bound value.',
    columns: timeColumns('ms', ...COUNT_COLUMNS),
    rows,
  };
}

function rowOf(
  name: string,
  samples: Samples | undefined,
  base: { name: string; values: number[] },
  more: Record<string, number | null>,
): Row {
  const failure = samples && failureOf(samples);
  if (failure) return { name, notMeasured: failure };
  return timeRow(name, samples?.ms ?? [], base, more);
}

function hookPlot(...tables: Table[]): Plot {
  const rows = tables.flatMap((table, index) =>
    table.rows
      .filter((row) => row.values)
      .map((row) => ({ ...row, name: `${['sourced: ', '', 'in Node: '][index]}${row.name}` })),
  );
  const column = (key: string): (number | null)[] =>
    rows.map((row) => (row.values?.[key] as number | undefined) ?? null);
  return {
    file: 'hook-cost',
    title: 'What a hook pays (ms, logarithmic)',
    kind: 'bar',
    unit: 'ms',
    log: true,
    categories: rows.map((row) => row.name),
    series: [
      { name: 'p50', values: column('p50') },
      { name: 'p99', values: column('p99') },
    ],
  };
}
