/** QUEUE_SCHEMA: a script's entries have their migrations before them, whichever way they take. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fakeWorker, spooled } from './support/producer.ts';
import { type Project, project, QUEUE_LIB, ROOT } from './support/project.ts';
import { once, startNoWorker } from './support/queue.ts';

const SCHEMA = '-- schema: notes\n-- migration 1: the table\nCREATE TABLE notes(n INTEGER PRIMARY KEY, t);\n';
const INSERT = 'INSERT INTO notes(t) VALUES(:t)';

function schemaIn(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'schema.sql');
  writeFileSync(path, SCHEMA);
  return path;
}

function notes(self: Project): unknown[] {
  return self.rows('SELECT t FROM notes ORDER BY n').map(({ t }) => t);
}

for (const [what, directory] of Object.entries({
  plain: 'hooks',
  'of blanks, quotes and é': `it's "é" \\x`,
})) {
  test(`every way from bash names the migrations, in a directory with a name ${what}`, async (t) => {
    const self = project(t);
    startNoWorker(self);
    const path = schemaIn(join(self.dir, directory));
    const script = `QUEUE_SCHEMA=$1
queue_db_write "$2" op 1 '' t=direct
USE_QUEUE=false queue_db_write "$2" op 2 '' t=node
queue_db_write $'-- two lines\\n'"$2" op 3 '{"a":1}' t=rest
queue_write "INSERT INTO notes(t) VALUES('plain')" op 4`;
    const result = await self.bash(script, [path, INSERT]);
    assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
    assert.deepEqual(notes(self), ['node']);
    assert.deepEqual(
      spooled(self).map(({ entry }) => entry.schema),
      [path, path, path],
    );
    await once(self);
    assert.deepEqual(notes(self), ['node', 'direct', 'rest', 'plain']);
  });
}

test('beside a living worker as well, and from another shell', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const path = schemaIn(self.dir);
  await self.bash(`QUEUE_SCHEMA=$1; queue_db_write "$2" op 5 '' t=x`, [path, INSERT]);
  const script = `QUEUE_HOME=$1; . "$2"; QUEUE_SCHEMA=$3; queue_db_write "$4" op 6 '' t=y`;
  const other = await self.run('dash', ['-c', script, 'test', ROOT, QUEUE_LIB, path, INSERT]);
  assert.deepEqual([other.code, other.stderr], [0, '']);
  assert.deepEqual(
    spooled(self).map(({ entry }) => entry.schema),
    [path, path],
  );
});

test('a relative path starts at the project root', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const path = schemaIn(self.dir);
  await self.bash(`cd /; QUEUE_SCHEMA=schema.sql; queue_db_write "$1" op 5 '' t=x`, [INSERT]);
  assert.deepEqual(
    spooled(self).map(({ entry }) => entry.schema),
    [path],
  );
});
