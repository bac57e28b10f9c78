/**
 * SIGKILL of queue-maint at its system calls: a backup that was cut short is no backup, and harms no other; a restore
 * leaves the old database or the new one, never half of one and never none, and the next restore takes it from there.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { backup, beside, contentOf, maint, shelf, WRITE, withTables } from '../support/backups.ts';
import { faultRun } from '../support/faults.ts';
import { DIST, type Project, project, projectWithin } from '../support/project.ts';
import { noStrace, once, putEntry } from '../support/queue.ts';
import {
  CHANGING,
  describe,
  inLanes,
  killAt,
  pointsOf,
  pointsToTry,
  SYNCING,
  strike,
} from '../support/sweep.ts';

const MAINT = [process.execPath, join(DIST, 'queue-maint')];
const CALLS = [...CHANGING, ...SYNCING];
const POINTS = 14;

async function apply(self: Project, ...texts: string[]): Promise<void> {
  for (const t of texts) putEntry(self, WRITE, { params: { t } });
  await once(self);
}

interface Prepared {
  readonly self: Project;
  /** A backup with the rows a and b; the database has c and d as well. */
  readonly file: string;
}

async function prepare(outer: Project, name: string): Promise<Prepared> {
  const self = projectWithin(outer, name);
  withTables(self);
  await apply(self, 'a', 'b');
  const file = await backup(self);
  await apply(self, 'c', 'd');
  return { self, file };
}

test('a backup is killed at each call', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    const model = await prepare(outer, 'model');
    const command = [...MAINT, 'backup', '--keep', '2'];
    const points = pointsToTry(random, await pointsOf(model.self, CALLS, command), POINTS);
    await inLanes(points, async (point, index) => {
      const context = describe(killAt(point));
      const { self, file } = await prepare(outer, `backup-${index}`);
      const { struck } = await strike(self, killAt(point), command);
      count({ entries: 4, kills: struck.length > 0 ? 1 : 0 });
      const listed = JSON.parse((await maint(self, ['list', '--json'])).stdout) as { path: string }[];
      assert.ok(listed.some(({ path }) => path === file) && listed.length <= 2, context);
      await maint(self, ['verify', '--all']);
      // What it left goes with the next one, which is good, and so is the database.
      const last = await backup(self);
      assert.deepEqual(
        shelf(self).filter((name) => name.startsWith('.')),
        [],
        context,
      );
      assert.deepEqual(contentOf(last), contentOf(self.db), context);
      assert.equal(contentOf(last).log.length, 4, context);
    });
  }),
);

test('a restore is killed at each call', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    const model = await prepare(outer, 'model');
    const commandFor = (file: string): string[] => [...MAINT, 'restore', file, '--no-journal', '--yes'];
    const points = pointsToTry(random, await pointsOf(model.self, CALLS, commandFor(model.file)), POINTS);
    await inLanes(points, async (point, index) => {
      const context = describe(killAt(point));
      const { self, file } = await prepare(outer, `restore-${index}`);
      const { struck } = await strike(self, killAt(point), commandFor(file));
      count({ entries: 5, kills: struck.length > 0 ? 1 : 0 });
      const rows = contentOf(self.db).log.map((row) => (row as string[])[1]);
      const isNew = rows.length === 2;
      assert.deepEqual(rows, isNew ? ['a', 'b'] : ['a', 'b', 'c', 'd'], context);
      // The queue goes on with whichever it is.
      await apply(self, 'e');
      const expected = isNew ? ['a', 'b', 'e'] : ['a', 'b', 'c', 'd', 'e'];
      assert.deepEqual(
        contentOf(self.db).log.map((row) => (row as string[])[1]),
        expected,
        context,
      );
      // And the history is right: what is in the database now is what a restore and replay make.
      await maint(self, ['restore', file, '--yes']);
      assert.deepEqual(
        contentOf(self.db).log.map((row) => (row as string[])[1]),
        expected,
        context,
      );
      assert.deepEqual(
        beside(self).filter((name) => name.includes('restoring')),
        [],
        context,
      );
    });
  }),
);
