/**
 * Does a long queue slow the hook down? The cost of one enqueue with 0, 10,000 and 1,000,000 entries pending, spools
 * interleaved, with a heartbeat and no worker; and queue-status on the longest.
 */
import { join } from 'node:path';
import { type Context, missingExecutable } from '../context.ts';
import { type Result, type Row, type Table, target } from '../model.ts';
import { reasonOf, runOk } from '../run.ts';
import { quote, timeInBash } from '../shell.ts';
import { fill, noRoomFor } from '../spool-files.ts';
import { median, timeColumns, timeRow } from '../stats.ts';
import { BENCH, DIST, type Project, QUEUE_LIB } from '../workspace.ts';

const SQL = "INSERT INTO events(session, hook) VALUES ('session', 'hook')";
const MILLION = 1_000_000;
const STATUS_ROUNDS = 5;

interface Filled {
  readonly name: string;
  readonly count: number;
  readonly project: Project;
}

export async function scaleSection(context: Context): Promise<Result> {
  const { workspace, options, progress, pick } = context;
  const noMillion = options.large ? noRoomFor(MILLION, workspace.dir) : 'only with --large';
  const counts = pick({ full: [0, 10_000, 100_000], quick: [0, 10_000], smoke: [0, 50] });
  if (!noMillion) counts.push(MILLION);
  const spools: Filled[] = [];
  const ends: (() => void)[] = [];
  for (const count of counts) {
    const project = workspace.project(`pending-${count}`);
    await fill(project.spool, count, { progress });
    ends.push(workspace.heartbeat(project));
    spools.push({ name: `${count.toLocaleString('en-US').replaceAll(',', ' ')} pending`, count, project });
  }
  const sourced = await sourcedTable(context, spools);
  const inProcess = await inProcessTable(context, spools);
  const status = await statusTable(context, spools);
  for (const end of ends) end();
  progress('removing the spools');
  for (const { project } of spools) await workspace.discard(project);
  if (noMillion)
    for (const table of [sourced, inProcess, status])
      table.rows.push({ name: '1 000 000 pending', notMeasured: noMillion });
  const largest = spools.at(-1);
  const ratio = sourced.rows.find(({ name }) => name === largest?.name)?.values?.ratio;
  const milliseconds = status.rows.find(({ name }) => name === '1 000 000 pending')?.values?.p50;
  return {
    tables: [sourced, inProcess, status],
    targets: [
      target(`sourced enqueue with ${largest?.name} to an empty spool (flat)`, ratio as number | undefined, {
        atMost: 1.2,
        unit: 'x',
      }),
      target(
        'queue-status with 1,000,000 pending',
        milliseconds as number | undefined,
        { below: 2000, unit: 'ms' },
        missingExecutable('queue-status') ?? noMillion,
      ),
    ],
    plots: [
      {
        file: 'scale',
        title: 'Cost of an enqueue by entries pending (ms, p50)',
        kind: 'line',
        unit: 'ms',
        categories: spools.map(({ name }) => name),
        series: [
          { name: 'sourced queue_db_write', values: spools.map(({ name }) => p50(sourced, name)) },
          { name: 'enqueue() in Node', values: spools.map(({ name }) => p50(inProcess, name)) },
        ],
      },
    ],
  };
}

type OpenTable = Table & { readonly rows: Row[] };

function p50(table: Table, name: string): number | null {
  return (table.rows.find((row) => row.name === name)?.values?.p50 as number | undefined) ?? null;
}

async function sourcedTable(
  { workspace, progress, pick }: Context,
  spools: readonly Filled[],
): Promise<OpenTable> {
  progress('sourced enqueue at each size');
  const first = spools[0] as Filled;
  const cases = [
    ...spools.map(({ name, project }) => ({
      name,
      body: `CLAUDE_PROJECT_DIR=${quote(project.dir)}\nqueue_db_write "${SQL}" op 5`,
    })),
    { name: '/bin/true', body: '/bin/true' },
  ];
  const samples = await timeInBash(workspace, {
    prelude: `. ${quote(QUEUE_LIB)}`,
    cases,
    rounds: pick({ full: 500, quick: 100, smoke: 3 }),
    env: first.project.env,
    cwd: first.project.dir,
  });
  const base = { name: first.name, values: samples.get(first.name)?.ms ?? [] };
  return {
    title: 'Sourced queue_db_write',
    method: 'Timed inside one bash, one call into each spool a round, with a heartbeat but no worker.',
    columns: timeColumns('ms'),
    rows: cases.map(({ name }): Row => timeRow(name, samples.get(name)?.ms ?? [], base)),
  };
}

async function inProcessTable(
  { workspace, progress, pick }: Context,
  spools: readonly Filled[],
): Promise<OpenTable> {
  progress('enqueue() in Node at each size');
  const table = {
    title: 'enqueue() in Node',
    method: 'One Node process, one call into each spool a round.',
    columns: timeColumns('ms'),
  };
  try {
    const program = join(BENCH, 'programs', 'in-process-spools.mjs');
    const args = [
      program,
      String(pick({ full: 500, quick: 100, smoke: 3 })),
      ...spools.map(({ project }) => project.dir),
    ];
    const { stdout } = await runOk(workspace, process.execPath, args, (spools[0] as Filled).project);
    const samples = JSON.parse(stdout) as number[][];
    const base = { name: spools[0]?.name ?? '', values: samples[0] ?? [] };
    return {
      ...table,
      rows: spools.map(({ name }, index): Row => timeRow(name, samples[index] ?? [], base)),
    };
  } catch (error) {
    return { ...table, rows: [{ name: 'enqueue()', notMeasured: reasonOf(error) }] };
  }
}

async function statusTable({ workspace, progress }: Context, spools: readonly Filled[]): Promise<OpenTable> {
  const table = {
    title: 'queue-status',
    method: 'The whole process, sizes interleaved; no-op: node -e 0.',
    columns: timeColumns('ms'),
  };
  const missing = missingExecutable('queue-status');
  if (missing) return { ...table, rows: [{ name: 'queue-status', notMeasured: missing }] };
  progress('queue-status at each size');
  const times = new Map<string, number[]>([
    ...spools.map(({ name }) => [name, []] as [string, number[]]),
    ['node -e 0', []],
  ]);
  try {
    for (let round = 0; round < STATUS_ROUNDS; round++) {
      for (const { name, project } of spools) {
        times.get(name)?.push((await runOk(workspace, join(DIST, 'queue-status'), [], project)).ms);
      }
      const env = (spools[0] as Filled).project.env;
      times.get('node -e 0')?.push((await runOk(workspace, process.execPath, ['-e', '0'], { env })).ms);
    }
  } catch (error) {
    return { ...table, rows: [{ name: 'queue-status', notMeasured: reasonOf(error) }] };
  }
  const base = { name: 'node -e 0', values: times.get('node -e 0') ?? [] };
  return {
    ...table,
    rows: [...times].map(([name, ms]): Row => timeRow(name, ms, base, { median: median(ms) })),
  };
}
