/**
 * Draining a backlog: the worker against the floor (a loop that only reads, parses, inserts in transactions of the
 * same size and unlinks the same files) and against the workers of plainjob and liteque doing the same inserts.
 * Worker and floor take turns; peers are timed inside their process, from their worker's start to the last job.
 */
import { join } from 'node:path';
import { type Context, missingExecutable } from '../context.ts';
import { type Drainer, drainOnce } from '../draining.ts';
import { type Plot, type Result, type Row, type Table, target, type Value } from '../model.ts';
import { reasonOf, runOk } from '../run.ts';
import { noRoomFor } from '../spool-files.ts';
import { median, timeColumns, timeRow } from '../stats.ts';
import { BENCH, makeDatabase } from '../workspace.ts';

const DRAINERS: readonly Drainer[] = ['worker', 'floor'];

type Kind = 'plain' | 'literal' | 'onDisk';

const KINDS: Record<Kind, string> = { plain: '', literal: ', values in the SQL', onDisk: ', synced before' };

/** What is known of one program at one size. */
interface Figures {
  readonly ms: number[];
  readonly peakMb: number[];
  netMs: number;
}

interface Size {
  readonly count: number;
  readonly kind: Kind;
  readonly worker: Figures;
  readonly floor: Figures;
}

export async function drainSection(context: Context): Promise<Result> {
  const missing = missingExecutable('queue-worker');
  const columns = timeColumns(
    'ms',
    { key: 'perSecond', label: 'entries/s' },
    { key: 'micros', label: 'us/entry' },
    { key: 'netMicros', label: 'net us/entry' },
    { key: 'peakMb', label: 'peak MB' },
  );
  const method =
    'Whole process, from its start on a full spool to its end, interleaved; 600-byte entries that bind two values, just written and so still in memory. net: less the median time on an empty spool. Ratio: time to the floor.';
  if (missing) {
    const table: Table = {
      title: 'The worker',
      method,
      columns,
      rows: [{ name: 'queue-worker', notMeasured: missing }],
    };
    return { tables: [table], targets: targetsOf([], missing), plots: [] };
  }
  const empty = await emptyRuns(context);
  const sizes: Size[] = [];
  const rows: Row[] = [];
  const add = async (count: number, rounds: number, kind: Kind = 'plain'): Promise<void> => {
    const size = await measure(context, count, rounds, kind, empty);
    sizes.push(size);
    for (const drainer of DRAINERS) rows.push(rowOf(size, drainer));
  };
  for (const [count, rounds] of sizesOf(context)) await add(count, rounds);
  const [count, rounds] = context.pick({ full: [10_000, 5], quick: [2000, 1], smoke: [20, 1] });
  await add(count as number, rounds as number, 'literal');
  await add((count as number) / 5, 1, 'onDisk');
  const jobs = await inJobs(context);
  rows.push(...jobs.rows);
  const large = context.options.large ? noRoomFor(1_000_000, context.workspace.dir) : 'only with --large';
  if (large) rows.push({ name: '1 000 000, worker and floor', notMeasured: large });
  else await add(1_000_000, 1);
  const peers = await peerTable(context, columns);
  const bound = sizes.filter(({ kind }) => kind === 'plain');
  return {
    tables: [{ title: 'The worker and the floor', method, columns, rows }, peers],
    targets: [...targetsOf(bound, large ?? 'not run'), jobs.target],
    plots: [plotOf(bound, peers)],
  };
}

function sizesOf({ pick }: Context): readonly (readonly [count: number, rounds: number])[] {
  return pick({
    full: [
      [1000, 7],
      [10_000, 5],
      [100_000, 3],
    ],
    quick: [
      [1000, 3],
      [10_000, 1],
    ],
    smoke: [[20, 1]],
  });
}

async function emptyRuns(context: Context): Promise<Record<Drainer, number>> {
  const times: Record<Drainer, number[]> = { worker: [], floor: [] };
  for (let round = 0; round < context.pick({ full: 7, quick: 3, smoke: 1 }); round++) {
    for (const drainer of DRAINERS) times[drainer].push((await drainOnce(context, drainer, { count: 0 })).ms);
  }
  return { worker: median(times.worker), floor: median(times.floor) };
}

async function measure(
  context: Context,
  count: number,
  rounds: number,
  kind: Kind,
  empty: Record<Drainer, number>,
): Promise<Size> {
  const figures = (): Figures => ({ ms: [], peakMb: [], netMs: 0 });
  const size = { count, kind, worker: figures(), floor: figures() };
  for (let round = 0; round < rounds; round++) {
    for (const drainer of DRAINERS) {
      const { ms, peakMb } = await drainOnce(context, drainer, {
        count,
        literal: kind === 'literal',
        onDisk: kind === 'onDisk',
      });
      size[drainer].ms.push(ms);
      if (peakMb !== null) size[drainer].peakMb.push(peakMb);
    }
  }
  for (const drainer of DRAINERS)
    size[drainer].netMs = Math.max(0, median(size[drainer].ms) - empty[drainer]);
  return size;
}

function rowOf(size: Size, drainer: Drainer): Row {
  const { count, kind } = size;
  const { ms, peakMb, netMs } = size[drainer];
  const name = `${count.toLocaleString('en-US').replaceAll(',', ' ')}, ${drainer}${KINDS[kind]}`;
  const more = { netMicros: (netMs * 1000) / count, peakMb: peakMb.length > 0 ? Math.max(...peakMb) : null };
  return timeRow(
    name,
    ms,
    { name: 'floor', values: size.floor.ms },
    { ...rates(median(ms), count), ...more },
  );
}

function rates(ms: number, count: number): Record<string, Value> {
  return { perSecond: (count * 1000) / ms, micros: (ms * 1000) / count };
}

/** The worker over entries of one job and over the same without, by turns. */
async function inJobs(context: Context): Promise<{ rows: Row[]; target: Result['targets'][number] }> {
  const [count, rounds] = context.pick({ full: [20_000, 7], quick: [5000, 3], smoke: [20, 1] });
  const ms = { without: [] as number[], within: [] as number[] };
  for (let round = 0; round < (rounds as number); round++) {
    for (const kind of round % 2 === 0
      ? (['without', 'within'] as const)
      : (['within', 'without'] as const)) {
      const inJob = kind === 'within';
      ms[kind].push((await drainOnce(context, 'worker', { count: count as number, inJob })).ms);
    }
  }
  const name = `${(count as number).toLocaleString('en-US').replaceAll(',', ' ')}, worker`;
  const row = (kind: keyof typeof ms, title: string): Row =>
    timeRow(
      title,
      ms[kind],
      { name: 'without a job', values: ms.without },
      rates(median(ms[kind]), count as number),
    );
  return {
    rows: [row('without', `${name}, without a job`), row('within', `${name}, in one job`)],
    target: target(
      'draining entries of one job, time to that without',
      median(ms.within) / median(ms.without),
      {
        atMost: 1.15,
        unit: 'x',
      },
    ),
  };
}

async function peerTable(context: Context, columns: Table['columns']): Promise<Table> {
  const { peers, pick } = context;
  const counts = {
    plainjob: pick({ full: 10_000, quick: 1000, smoke: 10 }),
    liteque: pick({ full: 2000, quick: 200, smoke: 10 }),
  };
  const rows: Row[] = [];
  for (const peer of ['plainjob', 'liteque'] as const) {
    const count = counts[peer];
    const name = `${count.toLocaleString('en-US').replaceAll(',', ' ')}, ${peers.title(peer)}`;
    const why = peers.missing(peer);
    if (why) {
      rows.push({ name, notMeasured: why });
      continue;
    }
    try {
      const runs: { ms: number; peakMb: number | null }[] = [];
      for (let round = 0; round < pick({ full: 3, quick: 1, smoke: 1 }); round++)
        runs.push(await drainPeer(context, peer, count));
      const ms = runs.map((each) => each.ms);
      const peaks = runs.flatMap(({ peakMb }) => (peakMb === null ? [] : [peakMb]));
      const peakMb = peaks.length > 0 ? Math.max(...peaks) : null;
      rows.push(timeRow(name, ms, undefined, { ...rates(median(ms), count), peakMb }));
    } catch (error) {
      rows.push({ name, notMeasured: reasonOf(error) });
    }
  }
  return {
    title: 'Other queues in SQLite, doing the same inserts',
    method:
      "One job an insert, the target in a database of its own, as each sets its own database up (both synchronous=NORMAL: a power cut may undo what the worker's FULL keeps). Without process start. liteque runs without its transaction, which awaits: better-sqlite3 13 refuses that.",
    columns,
    rows,
  };
}

async function drainPeer(
  { workspace, progress }: Context,
  peer: string,
  count: number,
): Promise<{ ms: number; peakMb: number | null }> {
  const [queue, db] = [workspace.path(`${peer}.db`), workspace.path(`${peer}-target.db`)];
  makeDatabase(db);
  const args = (step: string): string[] => [
    join(BENCH, 'programs', 'peer-drain.mjs'),
    peer,
    step,
    queue,
    db,
    String(count),
  ];
  const env = process.env as Record<string, string>;
  progress(`${peer}: ${count} jobs`);
  await runOk(workspace, process.execPath, args('seed'), { env });
  const { stdout, peakMb } = await runOk(workspace, process.execPath, args('drain'), { env, memory: true });
  return { ms: Number(stdout), peakMb };
}

function targetsOf(sizes: readonly Size[], noLarge: string): Result['targets'] {
  const largest = sizes.filter(({ count }) => count <= 100_000).at(-1);
  const of = (count: number): Size | undefined => sizes.find((size) => size.count === count);
  const [ten, million] = [of(10_000), of(1_000_000)];
  const share = ({ worker, floor }: Size): number => median(floor.ms) / median(worker.ms);
  const peak = (size: Size | undefined): number | undefined =>
    size?.worker.peakMb.length ? Math.max(...size.worker.peakMb) : undefined;
  const cost = (size: Size): number => median(size.worker.ms) / size.count;
  const growth = ten && million ? cost(million) / cost(ten) : undefined;
  return [
    ...sizes
      .filter(({ count }) => count >= 1000)
      .map((size) =>
        target(`draining ${size.count} entries, share of the floor's speed`, share(size), {
          atLeast: 0.6,
          unit: 'x',
        }),
      ),
    target(
      `draining ${largest?.count ?? ''} entries`,
      largest && (largest.count * 1000) / median(largest.worker.ms),
      { atLeast: 10_000, unit: 'entries/s' },
    ),
    target('cost per entry at 1,000,000 to that at 10,000', growth, { atMost: 1.5, unit: 'x' }, noLarge),
    target("worker's peak memory at 10,000", peak(ten), { below: 150, unit: 'MB' }),
    target("worker's peak memory at 1,000,000", peak(million), { below: 400, unit: 'MB' }, noLarge),
  ];
}

function plotOf(sizes: readonly Size[], peers: Table): Plot {
  const bars = sizes.flatMap((size) =>
    DRAINERS.map((drainer) => ({
      name: rowOf(size, drainer).name,
      value: (size.count * 1000) / median(size[drainer].ms),
    })),
  );
  for (const row of peers.rows)
    if (row.values) bars.push({ name: row.name, value: row.values.perSecond as number });
  return {
    file: 'drain',
    title: 'Draining: entries per second (whole process)',
    kind: 'bar',
    unit: 'entries/s',
    categories: bars.map(({ name }) => name),
    series: [{ name: 'entries/s', values: bars.map(({ value }) => value) }],
  };
}
