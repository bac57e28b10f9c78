/**
 * Everything the benchmark makes: one temporary directory with a project per system, and the processes it starts.
 * `close` ends and removes all of it, on a signal too: children run in process groups of their own, and workers,
 * which have left theirs, are found by worker.pid.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { ensureSpool, type Spool, spoolAt } from '../../lib/spool/layout.ts';
import { isSameProcess, readPresence, stopWorker } from '../../lib/worker/presence.ts';

export const BENCH = dirname(fileURLToPath(import.meta.url));
export const ROOT = resolve(BENCH, '..', '..');
export const DIST = join(ROOT, 'dist');
export const QUEUE_LIB = join(ROOT, 'lib', 'queue-lib.sh');
const HEARTBEAT_MS = 5000;

export interface Project {
  readonly dir: string;
  readonly spool: Spool;
  /** The database, with an empty table `events(session, hook)`. */
  readonly db: string;
  readonly env: Record<string, string>;
}

export class Workspace {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), 'hookspool-bench-')));
  readonly #children = new Set<ChildProcess>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #projects: Project[] = [];
  #made = 0;

  /** A path for a new file or directory. */
  path(name: string): string {
    this.#made += 1;
    return join(this.dir, `${this.#made}-${name}`);
  }

  /** A project with an empty spool and database. */
  project(name: string): Project {
    const dir = this.path(name);
    const project: Project = {
      dir,
      spool: spoolAt(join(dir, '.hive-mind', 'queue')),
      db: join(dir, '.hive-mind', 'hive.db'),
      env: { ...baseEnvironment(), HOME: this.dir, CLAUDE_PROJECT_DIR: dir },
    };
    mkdirSync(join(dir, '.hive-mind'), { recursive: true });
    ensureSpool(project.spool);
    makeDatabase(project.db);
    this.#projects.push(project);
    return project;
  }

  /** Removes a project that is not needed any more. */
  async discard(project: Project): Promise<void> {
    await stopWorker(project.spool);
    this.#projects.splice(this.#projects.indexOf(project), 1);
    rmSync(project.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Starts a process in a group of its own. */
  spawn(
    command: string,
    args: readonly string[],
    options: { env: Record<string, string>; cwd?: string },
  ): ChildProcess {
    const cwd = options.cwd ?? this.dir;
    const child = spawn(command, args, {
      env: options.env,
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }

  /**
   * Makes producers believe that a worker is alive, by a heartbeat of this process: nothing drains, so nothing
   * disturbs what is measured. @returns what ends it.
   */
  heartbeat(project: Project): () => void {
    const beat = (): void => {
      writeFileSync(`${project.spool.pidFile}.new`, `${process.pid} 0 ${Math.floor(Date.now() / 1000)}\n`);
      renameSync(`${project.spool.pidFile}.new`, project.spool.pidFile);
    };
    beat();
    const timer = setInterval(beat, HEARTBEAT_MS);
    this.#timers.add(timer);
    return () => {
      clearInterval(timer);
      rmSync(project.spool.pidFile, { force: true });
    };
  }

  /** Ends everything and removes it. Synchronous, so that it also works on the way out. */
  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const child of this.#children) signal(-(child.pid ?? 0));
    for (const { spool } of this.#projects) {
      const worker = readPresence(spool);
      if (worker && worker.pid !== process.pid && isSameProcess(worker)) signal(worker.pid);
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** The environment without the queue's own settings, with this Node first on PATH. */
export function baseEnvironment(): Record<string, string> {
  const own = /^(QUEUE_|SQLITE_|HIVE_DB$|USE_QUEUE$|CLAUDE_|LC_ALL$|NODE_OPTIONS$|BASH_ENV$|npm_)/;
  const kept = Object.entries(process.env).filter(([name, value]) => value !== undefined && !own.test(name));
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
    QUEUE_NODE: process.execPath,
    LANG: 'C.UTF-8',
  };
}

export function makeDatabase(path: string): void {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE events(session TEXT, hook TEXT)');
  db.close();
}

/** How many rows the table holds, and how many of them are different. */
export function countRows(path: string): { rows: number; distinct: number } {
  const db = new Database(path, { readonly: true, timeout: 10_000 });
  try {
    const sql = "SELECT count(*) AS rows, count(DISTINCT session || '/' || hook) AS 'distinct' FROM events";
    return db.prepare(sql).get() as { rows: number; distinct: number };
  } finally {
    db.close();
  }
}

export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function signal(pid: number): void {
  if (pid === 0) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
