/** queue-cleanup: each task does what it says, a dry run does nothing, and an interrupted one is finished. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Project, project, waitFor } from './support/project.ts';
import {
  entryText,
  logged,
  logs,
  nameOf,
  once,
  putEntry,
  startWorker,
  stopWorker,
  withLog,
} from './support/queue.ts';

const HOUR_S = 3600;

/** Makes a file of the spool look `hours` old. */
function age(path: string, hours: number): void {
  const then = Date.now() / 1000 - hours * HOUR_S;
  utimesSync(path, then, then);
}

async function cleanup(self: Project, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await self.run('queue-cleanup', args);
  assert.deepEqual([code, stderr], [0, ''], stdout);
  return stdout;
}

/** Every file below the project with its size, time and mode. */
function listing(self: Project): string[] {
  return readdirSync(self.dir, { recursive: true })
    .map(String)
    .sort()
    .map((name) => {
      const { size, mtimeMs, mode, ino } = lstatSync(join(self.dir, name));
      return `${name} ${size} ${mtimeMs} ${mode} ${ino}`;
    });
}

function journal(self: Project, name: string, text: string, hours = 30): string {
  const path = join(self.spool, 'completed', name);
  writeFileSync(path, text, { mode: 0o600 });
  age(path, hours);
  return path;
}

const LINE = `${JSON.stringify({ sql: 'SELECT 1', name: '05_1_1.json', key: 'k', applied_at: '' })}\n`;

/** Something for every task to do. */
function litter(self: Project): void {
  withLog(self);
  journal(self, 'journal-00000001.jsonl', LINE.repeat(1000));
  journal(self, 'journal-00000002.jsonl', LINE, 1);
  const failed = join(self.spool, 'failed');
  const error = (hours: number) => ({
    error: { code: 'X', message: 'x', at: new Date(Date.now() - hours * HOUR_S * 1000).toISOString() },
  });
  writeFileSync(join(failed, '05_1_1.json'), entryText('SELECT 1', { priority: 5, ...error(200) }));
  writeFileSync(join(failed, '05_2_1.json'), entryText('SELECT 1', { priority: 5, ...error(100) }));
  writeFileSync(join(failed, 'odd'), 'odd');
  writeFileSync(join(failed, 'odd.why'), `${JSON.stringify(error(200))}\n`);
  writeFileSync(join(failed, 'lost.why'), `${JSON.stringify(error(200))}\n`);
  age(join(failed, 'lost.why'), 200);
  const orphan = join(self.spool, 'processing', '05_1700000000000000_1.json');
  writeFileSync(orphan, entryText(logs('orphan'), { priority: 5 }));
  age(orphan, 1);
  writeFileSync(join(self.spool, 'processing', '05_1700000000000001_1.json'), entryText(logs('young')));
  writeFileSync(join(self.spool, 'worker.log'), 'x'.repeat(1024 * 1024 + 1));
  const temporary = join(self.spool, '.tmp', '123-half');
  writeFileSync(temporary, 'half');
  age(temporary, 1);
  const note = join(self.spool, '.tmp', 'start-1');
  writeFileSync(note, '');
  age(note, 0.1);
  writeFileSync(join(self.spool, '.tmp', '124-young'), 'young');
  const hooks = join(self.spool, 'hooks');
  mkdirSync(hooks, { mode: 0o700 });
  for (const [name, hours] of Object.entries({
    'old.ops': 2161,
    'old.at': 2162,
    'young.ops': 2159,
    other: 3000,
  })) {
    writeFileSync(join(hooks, name), '....');
    age(join(hooks, name), hours);
  }
}

test('a dry run tells everything and changes nothing', async (t) => {
  const self = project(t);
  litter(self);
  const before = listing(self);
  const dry = JSON.parse(await cleanup(self, '--dry-run', '--json')) as {
    tasks: { task: string; count: number }[];
  };
  assert.deepEqual(listing(self), before);
  const counts = (report: typeof dry) => report.tasks.map(({ task, count }) => [task, count]);
  assert.deepEqual(counts(dry), [
    ['logs', 1],
    ['archive', 1],
    ['purge-failed', 2],
    ['recover', 1],
    ['temporaries', 2],
    ['hook-files', 2],
  ]);
  const text = await cleanup(self, '--dry-run');
  assert.match(text, /^archive: +\(dry run\) 1 journal file older than 24 h compressed$/m);
  assert.deepEqual(listing(self), before);
  const wet = JSON.parse(await cleanup(self, '--json')) as typeof dry;
  assert.deepEqual(counts(wet), counts(dry));
  // The worker that was started for the orphan must have come up before it can be stopped.
  await waitFor('the orphan to be applied', () => logged(self).includes('orphan'));
});

test('all tasks: what is old goes, what is young stays', async (t) => {
  const self = project(t);
  litter(self);
  const original = readFileSync(join(self.spool, 'completed', 'journal-00000001.jsonl'));
  await cleanup(self);
  assert.deepEqual(self.names('completed').slice(0, 2), [
    'journal-00000001.jsonl.gz',
    'journal-00000002.jsonl',
  ]);
  const archive = join(self.spool, 'completed', 'journal-00000001.jsonl.gz');
  assert.deepEqual(gunzipSync(readFileSync(archive)), original);
  assert.equal(lstatSync(archive).mode & 0o777, 0o600);
  assert.deepEqual(self.names('failed'), ['05_2_1.json']);
  assert.deepEqual(
    self.names('processing').filter((name) => name !== 'batch'),
    ['05_1700000000000001_1.json'],
  );
  assert.ok(existsSync(join(self.spool, 'worker.log.1')));
  assert.deepEqual(readdirSync(join(self.spool, 'hooks')).sort(), ['other', 'young.ops']);
  assert.ok(self.names('.tmp').includes('124-young'));
  assert.ok(!self.names('.tmp').includes('123-half') && !self.names('.tmp').includes('start-1'));
  // The orphan is an entry again, and a worker is there to apply it.
  await waitFor('the orphan to be applied', () => logged(self).includes('orphan'));
});

test('a single task does only its own', async (t) => {
  const self = project(t);
  litter(self);
  await cleanup(self, '--purge-failed', '--hours', '50');
  assert.deepEqual(self.names('failed'), []);
  assert.ok(self.names('completed').includes('journal-00000001.jsonl'));
  assert.ok(existsSync(join(self.spool, 'processing', '05_1700000000000000_1.json')));
  assert.ok(self.names('.tmp').includes('123-half'));
  assert.ok(!existsSync(join(self.spool, 'worker.log.1')));
});

test('the journal that a worker writes to is left alone until the worker is gone', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, logs('one'));
  await startWorker(self);
  await waitFor('the entry', () => logged(self).length === 1 && self.names('pending').length === 0);
  age(join(self.spool, 'completed', 'journal-00000001.jsonl'), 30);
  assert.match(
    await cleanup(self, '--archive'),
    /journal-00000001\.jsonl is left alone: a worker writes to it/,
  );
  // Direct writes may have begun newer files: the worker still has the first one open.
  journal(self, 'journal-00000002.jsonl', LINE);
  journal(self, 'journal-00000003.jsonl', LINE);
  assert.match(
    await cleanup(self, '--archive'),
    /journal-00000001\.jsonl is left alone: a worker may write to it/,
  );
  assert.deepEqual(self.names('completed'), [
    'journal-00000001.jsonl',
    'journal-00000002.jsonl.gz',
    'journal-00000003.jsonl',
  ]);
  await stopWorker(self);
  await cleanup(self, '--archive');
  assert.deepEqual(
    self.names('completed').map((name) => name.slice(-3)),
    ['.gz', '.gz', '.gz', 'onl'],
  );
  // The next number is begun already, empty: it would be 1 again after the archives are deleted.
  putEntry(self, logs('two'));
  await once(self);
  assert.deepEqual(self.names('completed').slice(3), ['journal-00000004.jsonl']);
});

test('an interrupted archiving is finished: half a file in .tmp, both forms side by side', async (t) => {
  const self = project(t);
  withLog(self);
  const whole = LINE.repeat(50);
  for (const number of [1, 2, 3, 4])
    journal(self, `journal-0000000${number}.jsonl`, whole, number === 4 ? 0 : 30);
  const completed = join(self.spool, 'completed');
  writeFileSync(join(self.spool, '.tmp', '77-archive.gz'), gzipSync(whole).subarray(0, 20));
  // Renamed, and the original not removed yet.
  writeFileSync(join(completed, 'journal-00000001.jsonl.gz'), gzipSync(whole));
  // Damaged since: the original is what counts.
  writeFileSync(join(completed, 'journal-00000002.jsonl.gz'), gzipSync(whole).subarray(0, 30));
  // Shorter than the original.
  writeFileSync(join(completed, 'journal-00000003.jsonl.gz'), gzipSync(LINE));
  // Longer than the original: nothing is thrown away.
  writeFileSync(join(completed, 'journal-00000004.jsonl.gz'), gzipSync(whole + LINE));
  const said = await cleanup(self, '--archive');
  assert.match(said, /3 journal files .*journal-00000004\.jsonl is left alone: .* holds more than it/);
  assert.deepEqual(self.names('completed'), [
    'journal-00000001.jsonl.gz',
    'journal-00000002.jsonl.gz',
    'journal-00000003.jsonl.gz',
    'journal-00000004.jsonl',
    'journal-00000004.jsonl.gz',
  ]);
  for (const number of [1, 2, 3]) {
    assert.equal(
      gunzipSync(readFileSync(join(completed, `journal-0000000${number}.jsonl.gz`))).toString(),
      whole,
    );
  }
});

test('purging removes whatever stands in failed/, and follows no symlink', async (t) => {
  const self = project(t);
  withLog(self);
  const outside = join(self.dir, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), '');
  const failed = join(self.spool, 'failed');
  symlinkSync(outside, join(failed, 'link'));
  mkdirSync(join(failed, 'directory', 'deep'), { recursive: true });
  await cleanup(self, '--purge-failed', '--hours', '0');
  assert.deepEqual(self.names('failed'), []);
  assert.ok(existsSync(join(outside, 'precious')));
});

test('no spool is no error; bad options are usage errors', async (t) => {
  const self = project(t);
  assert.match(await cleanup(self), /^there is no spool at /);
  assert.ok(!existsSync(self.spool));
  for (const args of [
    ['--hours=-1'],
    ['--hours', 'x'],
    ['--recover', '--hours', '1'],
    ['--nonsense'],
    [nameOf()],
  ]) {
    assert.equal((await self.run('queue-cleanup', args)).code, 2, args.join(' '));
  }
  assert.match(await cleanup(self, '--help'), /^Examples:$/m);
});

test('hook files are looked for in a directory only, and none is followed out of it', async (t) => {
  const self = project(t);
  litter(self);
  const hooks = join(self.spool, 'hooks');
  rmSync(hooks, { recursive: true });
  const elsewhere = join(self.dir, 'elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'mine.ops'), '');
  age(join(elsewhere, 'mine.ops'), 3000);
  symlinkSync(elsewhere, hooks);
  assert.match(await cleanup(self, '--dry-run'), /^hook-files: +\(dry run\) 0 files of sessions/m);
  await cleanup(self);
  rmSync(hooks);
  mkdirSync(hooks);
  symlinkSync(join(elsewhere, 'mine.ops'), join(hooks, 'link.ops'));
  await cleanup(self);
  assert.deepEqual(readdirSync(elsewhere), ['mine.ops']);
  assert.deepEqual(readdirSync(hooks), ['link.ops']);
  await waitFor('the orphan to be applied', () => logged(self).includes('orphan'));
});
