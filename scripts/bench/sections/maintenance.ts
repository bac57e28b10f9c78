/**
 * Backups and replay: a backup against the sqlite3 shell's .backup of the same database, alone and while a worker
 * drains a backlog into it; what that costs the worker; and a replay of the journal against draining the same entries.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Context, missingExecutable } from '../context.ts';
import { type Result, type Row, type Table, target } from '../model.ts';
import { run, runOk } from '../run.ts';
import { fill } from '../spool-files.ts';
import { median, timeColumns, timeRow } from '../stats.ts';
import { countRows, DIST, type Project } from '../workspace.ts';

const WORKER = join(DIST, 'queue-worker');
const MAINT = join(DIST, 'queue-maint');
const ROW_BYTES = 1000;

type Maker = 'queue-maint backup' | 'sqlite3 .backup';
const MAKERS: readonly Maker[] = ['queue-maint backup', 'sqlite3 .backup'];

export async function maintenanceSection(context: Context): Promise<Result> {
  const missing = missingExecutable('queue-maint');
  if (missing) return { tables: [nothing(missing)], targets: [], plots: [] };
  const backups = await measureBackups(context);
  const replays = await measureReplay(context);
  return {
    tables: [backups.table, replays.table],
    targets: [...backups.targets, ...replays.targets],
    plots: [],
  };
}

function nothing(why: string): Table {
  return {
    title: 'Backups',
    method: '',
    columns: timeColumns('ms'),
    rows: [{ name: 'queue-maint', notMeasured: why }],
  };
}

interface Part {
  readonly table: Table;
  readonly targets: Result['targets'];
}

async function measureBackups(context: Context): Promise<Part> {
  const { workspace, progress, pick } = context;
  const megabytes = pick({ full: 100, quick: 100, smoke: 1 });
  const backlog = pick({ full: 20_000, quick: 10_000, smoke: 20 });
  const project = workspace.project('backups');
  progress(`a database of ${megabytes} MB`);
  fillDatabase(project.db, megabytes);
  // The worker's first entry makes the ledger.
  await drain(context, project, 1);
  const times: Record<string, number[]> = {};
  const note = (name: string, ms: number): void => {
    times[name] = [...(times[name] ?? []), ms];
  };
  for (let round = 0; round < pick({ full: 5, quick: 3, smoke: 1 }); round++) {
    for (const maker of MAKERS) {
      progress(`${maker}, alone`);
      note(`${maker}, alone`, await makeBackup(context, project, maker));
    }
    progress('the worker, alone');
    note('worker, alone', await drain(context, project, backlog));
    for (const maker of MAKERS) {
      progress(`${maker}, beside the worker`);
      await fill(project.spool, backlog);
      const draining = drainFilled(context, project);
      note(`${maker}, beside the worker`, await makeBackup(context, project, maker));
      note(`worker, beside ${maker}`, await draining);
    }
  }
  await workspace.discard(project);
  const rows = Object.entries(times).map(([name, ms]): Row => {
    if (name.startsWith('worker')) {
      const base = { name: 'worker, alone', values: times['worker, alone'] ?? [] };
      return timeRow(`${backlog} entries, ${name}`, ms, base, { perSecond: (backlog * 1000) / median(ms) });
    }
    const base = name.replace(/^[^,]*/, 'sqlite3 .backup');
    return timeRow(name, ms, { name: base, values: times[base] ?? [] });
  });
  const ratio = (own: string, base: string): number => median(times[own] ?? []) / median(times[base] ?? []);
  return {
    table: {
      title: `Backups of ${megabytes} MB`,
      method:
        'Whole processes, interleaved. queue-maint checks the copy (integrity_check, foreign_key_check, checksum) and syncs it; sqlite3 does neither. The worker drains a backlog into the same database; a backup that takes longer than that has the rest of its time alone.',
      columns: timeColumns('ms', { key: 'perSecond', label: 'entries/s' }),
      rows,
    },
    targets: [
      target(
        `backup of ${megabytes} MB beside the worker, to sqlite3 .backup`,
        ratio('queue-maint backup, beside the worker', 'sqlite3 .backup, beside the worker'),
        { atMost: 1.5, unit: 'x' },
      ),
      target(
        "the worker's rate beside a backup, share of its rate alone",
        ratio('worker, alone', 'worker, beside queue-maint backup'),
        { atLeast: 0.5, unit: 'x' },
      ),
    ],
  };
}

async function measureReplay(context: Context): Promise<Part> {
  const { workspace, progress, pick } = context;
  const rows: Row[] = [];
  const peaks: number[] = [];
  let share = Number.NaN;
  for (const count of pick({ full: [10_000, 100_000], quick: [10_000], smoke: [20] })) {
    const drains: number[] = [];
    const replays: number[] = [];
    let peakMb = 0;
    for (let round = 0; round < pick({ full: count > 10_000 ? 1 : 5, quick: 2, smoke: 1 }); round++) {
      const project = workspace.project('replay');
      await drain(context, project, 1);
      await runMaint(context, project, ['backup']);
      progress(`draining ${count}`);
      drains.push(await drain(context, project, count));
      progress(`replaying ${count}`);
      const to = join(project.dir, 'replayed.db');
      const { ms, peakMb: peak } = await runMaint(context, project, ['restore', newest(project), '--to', to]);
      replays.push(ms);
      peakMb = Math.max(peakMb, peak ?? 0);
      if (countRows(to).rows !== count + 1)
        throw new Error(`the replay made ${countRows(to).rows} rows of ${count + 1}`);
      await workspace.discard(project);
    }
    const rate = (ms: readonly number[]) => ({ perSecond: (count * 1000) / median(ms) });
    const base = { name: 'draining', values: drains };
    rows.push(timeRow(`draining ${count}`, drains, undefined, rate(drains)));
    rows.push(
      timeRow(`restore that replays ${count}`, replays, base, { ...rate(replays), peakMb: peakMb || null }),
    );
    if (Number.isNaN(share)) share = median(drains) / median(replays);
    if (peakMb > 0) peaks.push(peakMb);
  }
  return {
    table: {
      title: 'Replay',
      method:
        'Whole processes: the worker drains a backlog; then a backup from before it is restored into a new file (verified, copied, replayed, checked), which applies the same entries from the journal.',
      columns: timeColumns(
        'ms',
        { key: 'perSecond', label: 'entries/s' },
        { key: 'peakMb', label: 'peak MB' },
      ),
      rows,
    },
    targets: [
      target("replaying, share of the worker's rate", share, { atLeast: 0.8, unit: 'x' }),
      target(
        'memory of a replay of 100,000 entries to that of 10,000',
        (peaks[1] ?? Number.NaN) / (peaks[0] ?? Number.NaN),
        {
          atMost: 1.5,
          unit: 'x',
        },
      ),
    ],
  };
}

function fillDatabase(path: string, megabytes: number): void {
  const db = new Database(path);
  db.exec('CREATE TABLE ballast(id INTEGER PRIMARY KEY, text TEXT)');
  const insert = db.prepare('INSERT INTO ballast(text) VALUES (?)');
  db.transaction(() => {
    for (let i = 0; i < megabytes * 1000; i++) insert.run(`${i} `.padEnd(ROW_BYTES, 'ballast '));
  })();
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

/** Milliseconds of a drain of `count` new entries, filling not counted. */
async function drain(context: Context, project: Project, count: number): Promise<number> {
  await fill(project.spool, count);
  return drainFilled(context, project);
}

async function drainFilled({ workspace }: Context, { env, dir }: Project): Promise<number> {
  return (await runOk(workspace, WORKER, ['run', '--once'], { env, cwd: dir })).ms;
}

/** Milliseconds of a backup, which is then removed. */
async function makeBackup(context: Context, project: Project, maker: Maker): Promise<number> {
  if (maker === 'queue-maint backup') {
    const { ms } = await runMaint(context, project, ['backup', '--keep', '1']);
    return ms;
  }
  const copy = join(project.dir, 'copy.db');
  const { env, dir } = project;
  const { ms, code, stderr } = await run(
    context.workspace,
    'sqlite3',
    ['-cmd', '.timeout 10000', project.db, `.backup '${copy}'`],
    { env, cwd: dir },
  );
  if (code !== 0) throw new Error(`sqlite3 .backup: ${stderr}`);
  rmSync(copy, { force: true });
  return ms;
}

function runMaint({ workspace }: Context, { env, dir }: Project, args: readonly string[]) {
  return runOk(workspace, MAINT, args, { env, cwd: dir, memory: true });
}

function newest(project: Project): string {
  const directory = join(project.dir, '.hive-mind', 'backups');
  const file = readdirSync(directory)
    .sort()
    .findLast((name) => name.endsWith('.db'));
  return join(directory, file as string);
}
