/** What the tests of producers and workers share: writing through the Node half, hand-made entries, hand-run SQL. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ensureSpool, spoolAt } from '../../lib/spool/layout.ts';
import { DIST, type Project, type Result, type RunOptions, waitFor, workerPid } from './project.ts';

/** queue-write's Node half, whatever its bash half would have served itself. */
export function nodeWrite(self: Project, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return self.run(process.execPath, [join(DIST, 'queue-write'), ...args], options);
}

/** The same, which must succeed in silence, and start no worker: the test says when entries are applied. */
export async function write(self: Project, ...args: string[]): Promise<void> {
  startNoWorker(self);
  const result = await nodeWrite(self, args);
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', ''], args.join(' ').slice(0, 200));
}

/** Has producers believe, for ten minutes or until a worker leaves, that another has just started the worker. */
export function startNoWorker(self: Project): void {
  ensureSpool(spoolAt(self.spool));
  noteStarts(join(self.spool, '.tmp'));
}

/** The notes for that, in a directory .tmp. */
export function noteStarts(directory: string): void {
  const now = Math.floor(Date.now() / 5000);
  for (let bucket = now; bucket < now + 120; bucket++) {
    closeSync(openSync(join(directory, `start-${bucket}`), 'a', 0o600));
  }
}

/** `queue-worker --once`, which must leave with `code`. */
export async function once(self: Project, code = 0, env: Record<string, string> = {}): Promise<Result> {
  const result = await self.run('queue-worker', ['--once'], { env });
  assert.equal(result.code, code, `queue-worker --once: ${result.stdout}${result.stderr}`);
  return result;
}

/** Starts a detached worker. @returns its pid. */
export async function startWorker(self: Project, env: Record<string, string> = {}): Promise<number> {
  const result = await self.run('queue-worker', ['start'], { env });
  assert.equal(result.code, 0, result.stderr);
  return workerPid(self) as number;
}

/** Stops the worker of a project. */
export async function stopWorker(self: Project): Promise<void> {
  const result = await self.run('queue-worker', ['stop']);
  assert.equal(result.code, 0, result.stderr);
}

/** Runs statements on the project's database (or another), creating it when it is not there. */
export function execute(self: Project, sql: string, path = self.db): void {
  ensureSpool(spoolAt(self.spool));
  const db = new Database(path, { timeout: 10_000 });
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

/** A database with the table `log(n INTEGER PRIMARY KEY, t)`; `n` tells in which order rows were inserted. */
export function withLog(self: Project, path = self.db): void {
  execute(self, 'CREATE TABLE IF NOT EXISTS log(n INTEGER PRIMARY KEY, t)', path);
}

/** The texts in `log`, in the order in which they were inserted. */
export function logged(self: Project, path = self.db): unknown[] {
  const db = new Database(path, { fileMustExist: true, timeout: 10_000 });
  try {
    return db.prepare('SELECT t FROM log ORDER BY n').pluck().all();
  } finally {
    db.close();
  }
}

/** SQL that adds `text` to the table of `withLog`. */
export function logs(text: string): string {
  return `INSERT INTO log(t) VALUES('${text.replaceAll("'", "''")}')`;
}

let counter = 0;

/** A name for an entry, later than all that were made before; its time is long past. */
export function nameOf(priority = 5, micros = 1_700_000_000_000_000 + ++counter): string {
  return `${String(priority).padStart(2, '0')}_${micros}_1.json`;
}

/** The bytes of an entry as producers write it. */
export function entryText(sql: string, more: Record<string, unknown> = {}): string {
  const created = new Date().toISOString();
  const entry = { operation: 'write', sql, metadata: {}, created_at: created, retries: 0, ...more };
  return `${JSON.stringify(entry)}\n`;
}

/** Puts bytes into pending/ as a file of their own. @returns the name. */
export function put(self: Project, content: string | Buffer, name = nameOf()): string {
  ensureSpool(spoolAt(self.spool));
  writeFileSync(join(self.spool, 'pending', name), content, { mode: 0o600 });
  return name;
}

/** Puts an entry into pending/. @returns its name. */
export function putEntry(
  self: Project,
  sql: string,
  { priority = 5, ...more }: { priority?: number; [key: string]: unknown } = {},
): string {
  return put(self, entryText(sql, { priority, ...more }), nameOf(priority));
}

export interface Letter {
  code: string;
  message: string;
  hint?: string;
}

/** The error that stands with a dead letter: in it, or beside it in NAME.why. */
export function letter(self: Project, name: string): Letter {
  const path = join(self.spool, 'failed', name);
  const text = readFileSync(existsSync(`${path}.why`) ? `${path}.why` : path, 'utf8');
  return (JSON.parse(text) as { error: Letter }).error;
}

/** worker.log as it is now. */
export function workerLog(self: Project): string {
  const path = join(self.spool, 'worker.log');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** stats.json as it is now. */
export function stats(self: Project): Record<string, unknown> {
  const path = join(self.spool, 'stats.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>) : {};
}

/** Waits until pending/ holds nothing. */
export async function drained(self: Project, seconds = 60): Promise<void> {
  await waitFor('pending/ to be empty', () => self.names('pending').length === 0, seconds);
}

/** Waits until the process is gone (or a zombie that nobody reaps here). */
export async function ended(pid: number): Promise<void> {
  await waitFor(`process ${pid} to end`, () => !isAlive(pid));
}

export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** The commands by pid of living processes of a project that run queue-worker as a worker. */
export function workersOf(self: Project, pids: readonly number[]): number[] {
  const holds = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('queue-worker\0run');
    } catch {
      return false;
    }
  };
  return pids.filter((pid) => isAlive(pid) && holds(pid) && cwdOf(pid).startsWith(self.dir));
}

function cwdOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** Locks the database for writing until the returned function is called. */
export function lockDatabase(self: Project): () => void {
  const db = new Database(self.db, { timeout: 10_000 });
  db.exec('BEGIN IMMEDIATE');
  return () => {
    if (!db.open) return;
    db.exec('ROLLBACK');
    db.close();
  };
}

/** A reason to skip when `program args` does not succeed here, else false. */
export function unless(program: string, args: readonly string[], needs: string): string | false {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0 ? false : `needs ${needs}`;
}

/** Skip reasons: strace that may trace, mount namespaces. */
export const noStrace = (): string | false => unless('strace', ['-o', '/dev/null', 'true'], 'strace');
export const noMounts = (): string | false =>
  unless('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], 'the right to mount (unshare -m)');

/** The front of a command line that runs the rest as another user. */
export const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;
/** A skip reason: that it can't be another user, or that this user may not run the package. */
export function noOtherUser(): string | false {
  if (process.geteuid?.() !== 0) return 'needs root';
  const [program, ...args] = AS_NOBODY;
  const tool = join(DIST, 'queue-worker');
  return unless(
    program,
    [...args, process.execPath, tool, '--help'],
    'setpriv, and a package that others may read',
  );
}

/** A process of the test's own, ended with it. */
export function background(
  t: { after(fn: () => void): void },
  self: Project,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): { pid: number; text(): string; ended: Promise<number | null> } {
  const child = spawn(command, args, { cwd: self.dir, env: { ...self.env, ...env }, detached: true });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  const end = new Promise<number | null>((done, fail) => {
    child.on('error', fail);
    child.on('close', done);
  });
  t.after(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  });
  return { pid: child.pid as number, text: () => text, ended: end };
}
