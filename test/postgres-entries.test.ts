/** Entries on PostgreSQL: values, outcomes, order, exactly once; on a real server. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { noPostgres, postgresServer, type Server } from './support/postgres.ts';
import { type Project, project } from './support/project.ts';
import { once, putEntry } from './support/queue.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer();
let count = 0;

async function onServer(
  t: TestContext,
): Promise<{ self: Project; rows: (sql: string) => Promise<Record<string, unknown>[]> }> {
  const name = `entries_${++count}`;
  await server.database(name);
  const self = project(t, server.env(name));
  return { self, rows: (sql) => server.sql(sql, name) };
}

test('entries arrive in order, each with its ledger row', { skip }, async (t) => {
  const { self, rows } = await onServer(t);
  putEntry(self, 'CREATE TABLE log(n serial PRIMARY KEY, t text)', { priority: 1 });
  for (let n = 0; n < 50; n++) putEntry(self, 'INSERT INTO log(t) VALUES(:t)', { params: { t: `row ${n}` } });
  await once(self);
  assert.deepEqual(self.names('pending'), []);
  assert.deepEqual(
    (await rows('SELECT t FROM log ORDER BY n')).map(({ t }) => t),
    Array.from({ length: 50 }, (_, n) => `row ${n}`),
  );
  assert.equal((await rows('SELECT count(*)::int AS n FROM _queue_ledger'))[0]?.n, 51);
  assert.equal(self.journal().length, 51);
});
