/**
 * A project in a temporary directory for one test: its own spool, database and environment. When the test ends,
 * the worker is stopped, any process that still names the directory fails the test, and the directory is removed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const DIST = join(ROOT, 'dist');
export const QUEUE_LIB = join(ROOT, 'lib', 'queue-lib.sh');

export interface Result {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Project {
  /** The project root: a real path, holding .hive-mind/. */
  readonly dir: string;
  /** The spool directory, .hive-mind/queue; not created yet. */
  readonly spool: string;
  /** The database file, .hive-mind/hive.db; not created yet. */
  readonly db: string;
  /** The environment every command of this project runs with. */
  readonly env: Record<string, string>;
  /** Runs an executable of dist/ (queue-...) or any other command and waits for it. */
  run(command: string, args?: readonly string[], options?: RunOptions): Promise<Result>;
  /** Runs a bash script with the library sourced; `$1`... are `args`. */
  bash(script: string, args?: readonly string[], options?: RunOptions): Promise<Result>;
  /** All rows of a query on the database, opened for this call only. */
  rows(sql: string, ...params: unknown[]): Record<string, unknown>[];
  /** Names in one of the spool's directories, sorted; [] when it is not there. */
  names(directory: 'pending' | 'processing' | 'completed' | 'failed' | 'values' | '.tmp'): string[];
  /** Every journal line, parsed, oldest first. */
  journal(): Record<string, unknown>[];
  /** Called at the test's end, before the worker is stopped: what ends the other processes of the test. */
  readonly atEnd: (() => Promise<unknown>)[];
}

export interface RunOptions {
  env?: Record<string, string | undefined>;
  input?: string | Buffer;
  cwd?: string;
}

/** Makes a project for test `t`. `env` is added to the environment of every command. */
export function project(t: TestContext, env: Record<string, string> = {}): Project {
  const self = projectAt(realpathSync(mkdtempSync(join(tmpdir(), 'hookspool-test-'))), env);
  t.after(() => cleanUp(self));
  return self;
}

/** A project in a new directory inside another one, which cleans up for both. */
export function projectWithin(outer: Project, name: string, env: Record<string, string> = {}): Project {
  const dir = join(outer.dir, name);
  mkdirSync(dir);
  return projectAt(dir, env);
}

function projectAt(dir: string, env: Record<string, string>): Project {
  const hive = join(dir, '.hive-mind');
  const self: Project = {
    dir,
    spool: join(hive, 'queue'),
    db: join(hive, 'hive.db'),
    env: {
      PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
      HOME: dir,
      CLAUDE_PROJECT_DIR: dir,
      QUEUE_IDLE_EXIT: '60',
      ...env,
    },
    run: (command, args = [], options = {}) =>
      execute(command.startsWith('queue-') ? join(DIST, command) : command, args, self, options),
    bash: (script, args = [], options = {}) =>
      execute('bash', ['-c', `. "${QUEUE_LIB}"\n${script}`, 'test', ...args], self, options),
    rows: (sql, ...params) => {
      const db = new Database(self.db, { fileMustExist: true, timeout: 10_000 });
      try {
        return db.prepare(sql).all(...params) as Record<string, unknown>[];
      } finally {
        db.close();
      }
    },
    names: (directory) => {
      const path = join(self.spool, directory);
      return existsSync(path) ? readdirSync(path).sort() : [];
    },
    journal: () =>
      self
        .names('completed')
        .filter((name) => name.endsWith('.jsonl'))
        .flatMap((name) => readFileSync(join(self.spool, 'completed', name), 'utf8').split('\n'))
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    atEnd: [],
  };
  return self;
}

/** Waits until `condition` holds (returns something truthy) and returns that; fails after `seconds`. */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  seconds = 60,
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value as Exclude<T, undefined | null | false | 0 | ''>;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain for: ${what}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

/** Pids of live processes whose environment or command line names `text` (Linux). */
export function processesNaming(text: string): number[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      ['cmdline', 'environ'].some((file) => readIfThere(`/proc/${pid}/${file}`).includes(text)),
    )
    .map(Number);
}

/** The worker's pid as worker.pid gives it, or undefined. */
export function workerPid(self: Project): number | undefined {
  const pid = Number.parseInt(readIfThere(join(self.spool, 'worker.pid')), 10);
  return Number.isInteger(pid) ? pid : undefined;
}

function execute(
  command: string,
  args: readonly string[],
  self: Project,
  options: RunOptions,
): Promise<Result> {
  const env = { ...self.env, ...options.env };
  for (const key of Object.keys(env)) if (env[key] === undefined) delete env[key];
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: options.cwd ?? self.dir, env: env as NodeJS.ProcessEnv });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    // A command may exit without reading its input; that is its right.
    child.stdin.on('error', () => {});
    child.on('error', fail);
    child.on('close', (code, signal) =>
      done({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
    child.stdin.end(options.input ?? '');
  });
}

async function cleanUp(self: Project): Promise<void> {
  try {
    for (const end of self.atEnd) await end();
    await waitFor(
      'every process of the test to end',
      () => {
        if (processesNaming(self.dir).length === 0) return true;
        // Again and again: a worker that is only starting can't be told yet.
        if (existsSync(self.spool))
          spawnSync(join(DIST, 'queue-worker'), ['stop'], { env: self.env, cwd: self.dir });
        return false;
      },
      20,
    );
  } finally {
    for (const pid of processesNaming(self.dir)) process.kill(pid, 'SIGKILL');
    rmSync(self.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
