/** What the tests of queue-sync share: a queue directory beside a database, and the account of where each line is. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import type { Project, Result } from './project.ts';

export const TABLE = 'CREATE TABLE events(id INTEGER PRIMARY KEY, name TEXT NOT NULL, extra)';

export interface Queue {
  readonly dir: string;
  readonly file: string;
}

/** A queue directory, and a database with the table `events`. */
export function withQueue(self: Project, sql = TABLE): Queue {
  const dir = join(self.dir, '.hive-mind', 'lines');
  mkdirSync(dir, { recursive: true });
  mkdirSync(dirname(self.db), { recursive: true });
  const db = new Database(self.db);
  db.exec(sql);
  db.close();
  return { dir, file: join(dir, 'events_queue.jsonl') };
}

export function line(id: number, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ table: 'events', data: { id, name: `name ${id}` }, ...more });
}

/** Puts text into a queue file; what ends without a newline is made old, so that nobody waits for the rest. */
export function fill(queue: Queue, text: string | Buffer, file = queue.file): void {
  writeFileSync(file, text, { flag: 'a' });
  const then = Date.now() / 1000 - 3600;
  utimesSync(file, then, then);
}

/** `queue-sync --once`, which must leave with `code`. */
export async function sync(self: Project, { dir }: Queue, code = 0, ...more: string[]): Promise<Result> {
  const result = await self.run('queue-sync', ['--queue-dir', dir, '--db', self.db, '--once', ...more]);
  assert.equal(result.code, code, `queue-sync --once: ${result.stdout}${result.stderr}`);
  return result;
}

/** The lines of a file in the queue directory; none when it is not there. */
export function linesOf({ dir }: Queue, name: string): string[] {
  const path = join(dir, name);
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  assert.ok(text === '' || text.endsWith('\n'), `${name} ends within a line`);
  return text.split('\n').slice(0, -1);
}

export function recordsOf(queue: Queue, name: string): Record<string, unknown>[] {
  return linesOf(queue, name).map((text) => JSON.parse(text) as Record<string, unknown>);
}

/** Lines as programs wrote them: without the hash that queue.log.bak gives to those that had none. */
export function settledIn(queue: Queue): { log: string[]; error: string[]; failed: string[]; all: string[] } {
  const texts = (name: string): string[] => recordsOf(queue, name).map(({ line: text }) => String(text));
  return {
    log: linesOf(queue, 'queue.log.bak').map((text) => text.replace(/,"content_hash":"line:[^"]*"}$/, '}')),
    error: texts('events_queue.error.jsonl'),
    failed: texts('events_queue.failed.jsonl'),
    all: texts('queue.failed.jsonl'),
  };
}

/** Nothing is in work, and nothing waits. */
export function assertEmpty({ dir }: Queue, context = ''): void {
  const taken = join(dir, '.taken');
  assert.deepEqual(existsSync(taken) ? readdirSync(taken) : [], [], `${context} .taken/`);
  const waiting = readdirSync(dir).filter((name) => name.endsWith('_queue.jsonl'));
  assert.deepEqual(waiting, [], `${context} queue files`);
}

export function idsIn(self: Project): number[] {
  return self.rows('SELECT id FROM events ORDER BY id').map(({ id }) => id as number);
}
