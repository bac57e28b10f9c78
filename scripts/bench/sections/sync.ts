/**
 * queue-sync: lines from a file into rows, with hash fields and without, against a loop that only reads, parses and
 * inserts in transactions of the same size. Taking turns, whole processes.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, missingExecutable } from '../context.ts';
import { type Result, type Row, target } from '../model.ts';
import { runOk } from '../run.ts';
import { median, timeColumns, timeRow } from '../stats.ts';
import { BENCH, countRows, DIST, type Project, ROOT } from '../workspace.ts';

type Way = 'floor' | 'hashed' | 'plain';
const WAYS: readonly Way[] = ['floor', 'hashed', 'plain'];
const NAMES: Record<Way, string> = {
  floor: 'a bare loop: read, parse, insert',
  hashed: 'queue-sync, hash_fields',
  plain: 'queue-sync, lines without a hash',
};

interface Figures {
  readonly ms: number[];
  peakMb: number;
}

export async function syncSection(context: Context): Promise<Result> {
  const columns = timeColumns(
    'ms',
    { key: 'perSecond', label: 'rows/s' },
    { key: 'megabytes', label: 'MB/s' },
    { key: 'peakMb', label: 'peak MB' },
  );
  const title = 'Lines from a file into rows';
  const missing = missingExecutable('queue-sync');
  if (missing) {
    const rows = [{ name: 'queue-sync', notMeasured: missing }];
    return { tables: [{ title, method: '', columns, rows }], targets: [], plots: [] };
  }
  const { pick } = context;
  const count = pick({ full: 200_000, quick: 50_000, smoke: 20 });
  const rounds = pick({ full: 5, quick: 3, smoke: 1 });
  const figures: Record<Way, Figures> = {
    floor: { ms: [], peakMb: 0 },
    hashed: { ms: [], peakMb: 0 },
    plain: { ms: [], peakMb: 0 },
  };
  for (let round = 0; round < rounds; round++)
    for (const way of WAYS) await measure(context, way, count, 250, figures[way]);
  const large: Figures = { ms: [], peakMb: 0 };
  const [largeCount, largeBytes] = pick({
    full: [200_000, 5000],
    quick: [40_000, 5000],
    smoke: [20, 500],
  }) as [number, number];
  await measure(context, 'hashed', largeCount, largeBytes, large);
  const rowOf = (name: string, { ms, peakMb }: Figures, rowCount: number, bytes: number): Row =>
    timeRow(name, ms, ms === figures.floor.ms ? undefined : { name: NAMES.floor, values: figures.floor.ms }, {
      perSecond: (rowCount * 1000) / median(ms),
      megabytes: (rowCount * bytes) / 1000 / median(ms),
      peakMb: peakMb || null,
    });
  const largeMb = Math.round((largeCount * largeBytes) / 1e6);
  return {
    tables: [
      {
        title,
        method: `Whole processes, from the start to the end, interleaved; ${count} lines of about 250 bytes, commits with synchronous=FULL. queue-sync also notes the hash of each row, how far it is, and what it has applied in queue.log.bak, which it syncs.`,
        columns,
        rows: [
          ...WAYS.map((way) => rowOf(NAMES[way], figures[way], count, 250)),
          rowOf(`queue-sync, a file of ${largeMb} MB`, large, largeCount, largeBytes),
        ],
      },
    ],
    targets: [
      target('queue-sync from a file', (count * 1000) / median(figures.hashed.ms), {
        atLeast: 20_000,
        unit: 'rows/s',
      }),
      target(
        `memory of queue-sync on ${largeMb} MB to that on ${Math.round((count * 250) / 1e6)} MB`,
        large.peakMb > 0 ? large.peakMb / figures.hashed.peakMb : Number.NaN,
        { atMost: 1.5, unit: 'x' },
      ),
    ],
    plots: [],
  };
}

async function measure(
  { workspace, progress }: Context,
  way: Way,
  count: number,
  bytes: number,
  figures: Figures,
): Promise<void> {
  progress(`${NAMES[way]}: ${count}`);
  const project = workspace.project('sync');
  const file = writeLines(project, way, count, bytes);
  const options = { env: project.env, cwd: project.dir, memory: true };
  const { ms, peakMb } =
    way === 'floor'
      ? await runOk(
          workspace,
          process.execPath,
          [join(BENCH, 'programs', 'insert-lines.mjs'), file, project.db, ROOT],
          options,
        )
      : await runOk(
          workspace,
          join(DIST, 'queue-sync'),
          ['--once', '--queue-dir', join(project.dir, 'lines'), '--db', project.db],
          options,
        );
  const { rows } = countRows(project.db);
  if (rows !== count) throw new Error(`${NAMES[way]} made ${rows} rows of ${count}`);
  figures.ms.push(ms);
  figures.peakMb = Math.max(figures.peakMb, peakMb ?? 0);
  await workspace.discard(project);
}

function writeLines(project: Project, way: Way, count: number, bytes: number): string {
  const directory = join(project.dir, 'lines');
  mkdirSync(directory);
  const file = join(directory, 'events_queue.jsonl');
  const fd = openSync(file, 'w');
  const hash = way === 'hashed' ? ',"hash_fields":["session","hook"]' : '';
  let text = '';
  for (let i = 0; i < count; i++) {
    const start = `{"data":{"session":"session-${i}","hook":"`;
    text += `${start.padEnd(bytes - hash.length - 4, 'x')}"}${hash}}\n`;
    if (text.length < 4_000_000 && i < count - 1) continue;
    writeSync(fd, text);
    text = '';
  }
  closeSync(fd);
  return file;
}
