/**
 * From enqueue() to the row that another connection sees (programs/latency.mjs).
 *
 * - idle: the worker is alive and has nothing to do.
 * - not running: enqueue() starts the worker; it is stopped again before the next round.
 * - 10,000 waiting: before each round the worker is suspended or stopped while the entries are put in; the new one
 *   comes behind all of them (priority 5) or passes them (priority 1).
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readPresence, stopWorker } from '../../../lib/worker/presence.ts';
import { type Context, missingExecutable } from '../context.ts';
import { type Result, type Row, type Table, target } from '../model.ts';
import { reasonOf, runOk } from '../run.ts';
import { fill } from '../spool-files.ts';
import { timeColumns, timeRow } from '../stats.ts';
import { BENCH, DIST, type Project } from '../workspace.ts';

const GAP_MS = 30;

interface Scenario {
  readonly name: string;
  readonly alive: boolean;
  readonly waiting: number;
  readonly priority: number;
  readonly rounds: number;
}

export async function latencySection(context: Context): Promise<Result> {
  const { pick, workspace, progress } = context;
  const many = pick({ full: 10_000, quick: 2000, smoke: 50 });
  const [often, sometimes, seldom] = pick({ full: [300, 15, 5], quick: [50, 4, 1], smoke: [2, 1, 1] });
  const waiting = many.toLocaleString('en-US');
  const scenarios: Scenario[] = [
    { name: 'worker alive, idle', alive: true, waiting: 0, priority: 5, rounds: often as number },
    { name: 'worker not running', alive: false, waiting: 0, priority: 5, rounds: sometimes as number },
    {
      name: `worker alive, ${waiting} waiting, priority 5 (behind them)`,
      alive: true,
      waiting: many,
      priority: 5,
      rounds: seldom as number,
    },
    {
      name: `worker alive, ${waiting} waiting, priority 1 (before them)`,
      alive: true,
      waiting: many,
      priority: 1,
      rounds: seldom as number,
    },
    {
      name: `worker not running, ${waiting} waiting, priority 5`,
      alive: false,
      waiting: many,
      priority: 5,
      rounds: seldom as number,
    },
    {
      name: `worker not running, ${waiting} waiting, priority 1`,
      alive: false,
      waiting: many,
      priority: 1,
      rounds: seldom as number,
    },
  ];
  const missing = missingExecutable('queue-worker') ?? missingExecutable('index.mjs');
  const samples = new Map<Scenario, number[]>();
  const rows: Row[] = [];
  for (const scenario of scenarios) {
    if (missing) {
      rows.push({ name: scenario.name, notMeasured: missing });
      continue;
    }
    progress(scenario.name);
    const project = workspace.project('latency');
    try {
      samples.set(scenario, await measure(context, project, scenario));
      rows.push(timeRow(scenario.name, samples.get(scenario) ?? []));
    } catch (error) {
      rows.push({ name: scenario.name, notMeasured: reasonOf(error) });
    }
    await workspace.discard(project);
  }
  const table: Table = {
    title: 'Enqueue to visible row',
    method: `From before enqueue() in one Node process until a reading connection of the same process finds the row, looking every 0.2 ms; ${GAP_MS} ms between rounds.`,
    columns: timeColumns('ms').filter(({ key }) => key !== 'ratio' && key !== 'of'),
    rows,
  };
  const p50 = (index: number): number | undefined => rows[index]?.values?.p50 as number | undefined;
  return {
    tables: [table],
    targets: [
      target('enqueue to row, worker alive, p50', p50(0), { below: 10, unit: 'ms' }, missing),
      target('enqueue to row, worker not running, p50', p50(1), { below: 500, unit: 'ms' }, missing),
    ],
    plots: [
      {
        file: 'latency',
        title: 'From enqueue to the visible row (ms, logarithmic)',
        kind: 'bar',
        unit: 'ms',
        log: true,
        categories: rows.filter((row) => row.values).map((row) => row.name),
        series: ['p50', 'max'].map((key) => ({
          name: key,
          values: rows.filter((row) => row.values).map((row) => row.values?.[key] as number),
        })),
      },
    ],
  };
}

async function measure(
  context: Context,
  project: Project,
  { alive, waiting, priority, rounds }: Scenario,
): Promise<number[]> {
  if (alive && waiting === 0) {
    startWorker(project);
    return run(context, project, rounds, priority);
  }
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const pid = alive ? startWorker(project) : undefined;
    if (pid !== undefined) process.kill(pid, 'SIGSTOP');
    await fill(project.spool, waiting);
    samples.push(...(await run(context, project, 1, priority, pid)));
    await runOk(context.workspace, join(DIST, 'queue-worker'), ['--once'], project);
    await stopWorker(project.spool);
  }
  return samples;
}

async function run(
  { workspace }: Context,
  project: Project,
  rounds: number,
  priority: number,
  pid?: number,
): Promise<number[]> {
  const args = [project.db, rounds, GAP_MS, priority, ...(pid === undefined ? [] : [pid])].map(String);
  const { stdout } = await runOk(
    workspace,
    process.execPath,
    [join(BENCH, 'programs', 'latency.mjs'), ...args],
    project,
  );
  return JSON.parse(stdout) as number[];
}

function startWorker(project: Project): number {
  const { status, stderr } = spawnSync(join(DIST, 'queue-worker'), ['start'], {
    env: project.env,
    cwd: project.dir,
    encoding: 'utf8',
  });
  const pid = readPresence(project.spool)?.pid;
  if (status !== 0 || pid === undefined) throw new Error(`the worker did not start: ${stderr}`);
  return pid;
}
