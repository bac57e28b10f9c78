/** What the tests of backups share: writes whose order and number show in the rows, a control database, queue-maint. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Project, Result } from './project.ts';
import { execute } from './queue.ts';

/** One more, one less or another order of entries makes another `chain`. */
export const TABLES = `
  CREATE TABLE log(n INTEGER PRIMARY KEY, t TEXT);
  CREATE TABLE chain(id INTEGER PRIMARY KEY, value INTEGER);
  INSERT INTO chain VALUES(1, 7)`;
export const WRITE = `INSERT INTO log(t) VALUES(:t); UPDATE chain SET value = (value * 31 + length(:t) + unicode(substr(:t, -1))) % 1000003`;

export function withTables(self: Project): void {
  execute(self, TABLES);
}

/** Runs queue-maint, which must leave with `code`. */
export async function maint(self: Project, args: readonly string[], code = 0): Promise<Result> {
  const result = await self.run('queue-maint', args);
  assert.equal(result.code, code, `queue-maint ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result;
}

/** Makes a backup. @returns its path. */
export async function backup(self: Project, ...args: string[]): Promise<string> {
  const { stdout } = await maint(self, ['backup', '--json', ...args]);
  return (JSON.parse(stdout) as { path: string }).path;
}

export interface Content {
  readonly log: unknown[];
  readonly chain: unknown[];
}

/** What stands in the tables of a database. */
export function contentOf(path: string): Content {
  const db = new Database(path, { fileMustExist: true, timeout: 10_000 });
  try {
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok', path);
    return {
      log: db.prepare('SELECT n, t FROM log ORDER BY n').raw().all(),
      chain: db.prepare('SELECT value FROM chain').pluck().all(),
    };
  } finally {
    db.close();
  }
}

type Line = Record<string, unknown>;

/** What a database has to which these lines of the journal, and nothing else, were applied in their order. */
export function controlOf(lines: readonly Line[]): Content {
  const db = new Database(':memory:');
  db.exec(TABLES);
  const statements = WRITE.split(';').map((sql) => db.prepare(sql));
  db.transaction(() => {
    for (const line of lines) {
      assert.equal(line.sql, WRITE);
      for (const statement of statements) statement.run(line.params as object);
    }
  })();
  const content = {
    log: db.prepare('SELECT n, t FROM log ORDER BY n').raw().all(),
    chain: db.prepare('SELECT value FROM chain').pluck().all(),
  };
  db.close();
  return content;
}

/** Bash producers that write `count` entries each, all at once; `$1` and so on are their names. */
export async function storm(self: Project, names: readonly string[], count: number): Promise<void> {
  const script = `for name; do
      for ((i = 0; i < ${count}; i++)); do queue_db_write "$WRITE" "op$((i % 3))" $((i % 10 + 1)) '{}' "t=$name-$i"; done &
    done; wait`;
  const result = await self.bash(script, names, { env: { WRITE } });
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
}

/** Files in the directory of backups, hidden ones included. */
export function shelf(self: Project): string[] {
  return readdirSync(join(self.dir, '.hive-mind', 'backups')).sort();
}

/** Files beside the database that are neither it, nor its companions, nor the spool, nor the backups. */
export function beside(self: Project): string[] {
  return readdirSync(join(self.dir, '.hive-mind'))
    .filter((name) => !['backups', 'queue'].includes(name) && !/^hive\.db(-wal|-shm)?$/.test(name))
    .sort();
}
