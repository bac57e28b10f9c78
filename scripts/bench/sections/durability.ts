/**
 * What it costs to have an entry on the disk (fsync of the file and its directory) before success is reported:
 * the default against --durable, as a process and inside a running Node process, beside one plain fsync.
 */
import { join } from 'node:path';
import { type Context, missingExecutable } from '../context.ts';
import type { Result, Row, Table } from '../model.ts';
import { failureOf, quote, timeInBash } from '../shell.ts';
import { timeColumns, timeRow } from '../stats.ts';
import { DIST, QUEUE_LIB } from '../workspace.ts';
import { inProcessTable } from './in-process.ts';

const SQL = "INSERT INTO events(session, hook) VALUES ('session', 'hook')";

/** What is synced makes the disk busy for whoever comes next. */
const BLOCK = 20;

export async function durabilitySection(context: Context): Promise<Result> {
  const processes = await processTable(context);
  const inProcess = await inProcessTable(
    context,
    {
      enqueue: 'enqueue(), default',
      'enqueue-durable': 'enqueue(), durable',
      file: 'a plain file (open, write, close)',
      'file-fsync': 'a plain file with fsync',
      'sqlite-normal': 'better-sqlite3, synchronous=NORMAL',
      'sqlite-full': 'better-sqlite3, synchronous=FULL',
    },
    'enqueue',
    BLOCK,
  );
  return { tables: [processes, inProcess], targets: [], plots: [] };
}

async function processTable({ workspace, progress, pick }: Context): Promise<Table> {
  const write = quote(join(DIST, 'queue-write'));
  const cases = [
    { name: 'dist/queue-write, default', body: `${write} "${SQL}" op 5` },
    { name: 'dist/queue-write --durable', body: `${write} --durable "${SQL}" op 5` },
    { name: 'sourced, default', body: `queue_db_write "${SQL}" op 5` },
    { name: 'sourced, QUEUE_DURABLE=true', body: `QUEUE_DURABLE=true queue_db_write "${SQL}" op 5` },
    { name: 'bash -c :', body: 'bash -c :' },
    { name: 'node -e 0', body: `${quote(process.execPath)} -e 0` },
  ];
  const table = {
    title: 'From a shell',
    method:
      'Started from one bash, interleaved, with a heartbeat but no worker. Durable writes are made by Node.',
    columns: timeColumns('ms'),
  };
  const missing = missingExecutable('queue-write');
  if (missing) return { ...table, rows: [{ name: 'dist/queue-write', notMeasured: missing }] };
  const project = workspace.project('durability');
  const stop = workspace.heartbeat(project);
  progress('default and durable from a shell');
  const rounds = pick({ full: 60, quick: 8, smoke: 1 });
  const bash = { prelude: `. ${quote(QUEUE_LIB)}`, env: project.env, cwd: project.dir };
  const samples = await timeInBash(workspace, { ...bash, cases, rounds });
  stop();
  await workspace.discard(project);
  const base = { name: 'bash -c :', values: samples.get('bash -c :')?.ms ?? [] };
  const rows = cases.map(({ name }): Row => {
    const own = samples.get(name);
    const failure = own && failureOf(own);
    if (failure) return { name, notMeasured: failure };
    return timeRow(name, own?.ms ?? [], base);
  });
  return { ...table, rows };
}
