/** queue-job create, seal, list, show, results, pause and resume: what they print, their JSON, their errors. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ItemResult, Job } from '../lib/jobs/job.ts';
import { create, hasJobs, json, onJobs, putItems, queueJob, record, show } from './support/jobs.ts';
import { DIST, project, waitFor } from './support/project.ts';
import { background, logged, logs, putEntry, startNoWorker, withLog } from './support/queue.ts';
import { inTerminal, noTmux } from './support/terminal.ts';

const KEYS = [
  'id name state isSealed expected total processed failed withdrawn meta template',
  'after notBefore createdAt startedAt completedAt error',
].flatMap((line) => line.split(' '));

test('create prints an id that is a shell word, and ids sort by age', async (t) => {
  const self = project(t);
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push(await create(self, '--name', `job ${i}`));
  for (const id of ids) assert.match(id, /^[a-z0-9]{8}-[a-z0-9]{6}$/);
  assert.deepEqual([...ids].sort(), ids);
  const listed = await json<Job[]>(self, ['list']);
  assert.deepEqual(
    listed.map(({ id }) => id),
    [...ids].reverse(),
  );
});

test('create takes name, total, meta, predecessor and time; --json has the documented keys', async (t) => {
  const self = project(t);
  const first = await create(self);
  const before = Date.now();
  const made = await json<Job>(self, [
    ...['create', '--name', 'späte "Arbeit"\n', '--total', '5', '--meta', '{"a":{"b":[1]}}'],
    ...['--after', first, '--delay', '90.5'],
  ]);
  assert.deepEqual(Object.keys(made), KEYS);
  assert.deepEqual(
    [made.name, made.state, made.isSealed, made.expected, made.total, made.meta, made.after],
    ['späte "Arbeit"\n', 'queued', false, 5, 0, { a: { b: [1] } }, first],
  );
  const delay = Date.parse(made.notBefore as string) - before;
  assert.ok(delay >= 90_500 && delay < 150_500, `${delay}`);
  assert.equal(
    (await json<Job>(self, ['create', '--at', '2030-01-31T18:00:00+01:00'])).notBefore,
    '2030-01-31T17:00:00.000Z',
  );
  const empty = await json<Job>(self, ['create', '--total', '0']);
  assert.deepEqual([empty.state, empty.isSealed], ['completed', true]);
  // What is completed need not be waited for.
  assert.equal((await json<Job>(self, ['create', '--after', empty.id])).after, null);
  await queueJob(self, ['cancel', first]);
  const { stderr } = await queueJob(self, ['create', '--after', first], 2);
  assert.match(stderr, /was cancelled: none can come after it/);
});

test('usage errors are 2, ids that are not there 1 with a hint, and every command has help with examples', async (t) => {
  const self = project(t);
  await create(self);
  const wrong = [
    [],
    ['nonsense'],
    ['create', 'surplus'],
    ['create', '--total', '1.5'],
    ['create', '--total', '-1'],
    ['create', '--meta', '[1]'],
    ['create', '--meta', '{'],
    ['create', '--at', '2030-01-31T18:00:00'],
    ['create', '--at', 'tomorrow'],
    ['create', '--at', '2030-01-31T18:00:00Z', '--delay', '1'],
    ['list', '--state', 'lost'],
    ['list', '--limit', 'x'],
    ['show'],
    ['show', 'a', 'b'],
    ['show', 'a', '--json', '--watch'],
    ['show', 'a', '--interval', '1'],
    ['wait', 'a', '--timeout', 'soon'],
    ['delete'],
    ['delete', '--state', 'completed'],
    ['delete', '--state', 'running', '--older-than', '1'],
    ['delete', 'a', '--state', 'completed', '--older-than', '1'],
    ['export'],
    ['export', 'a', '--all'],
    ['import'],
    ['history', '--days', 'x'],
    ['pause', 'a', 'b'],
    ['pause', 'a', '--list'],
    ['resume', 'a', 'b'],
  ];
  for (const args of wrong) {
    const { code, stdout, stderr } = await self.run('queue-job', args);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^queue-job: /, args.join(' '));
  }
  for (const verb of ['seal', 'show', 'wait', 'results', 'retry', 'cancel', 'delete', 'export']) {
    const { stderr } = await queueJob(self, [verb, 'nope'], 1);
    assert.match(stderr, /^queue-job: there is no job 'nope'\n {2}queue-job list shows them/, verb);
  }
  assert.match((await queueJob(self, ['create', '--after', 'nope'], 1)).stderr, /there is no job 'nope'/);
  const { stdout } = await queueJob(self, ['--help']);
  const verbs = [...stdout.matchAll(/^ {2}(\w+) {2,}\S/gm)].map(([, verb]) => verb as string);
  assert.equal(verbs.length, 16);
  for (const verb of verbs) {
    const help = (await queueJob(self, [verb, '--help'])).stdout;
    assert.match(
      help,
      new RegExp(`^Usage: queue-job ${verb} ?[\\s\\S]*^Exit codes: 0[\\s\\S]*^Examples:\\n {2}\\S`, 'm'),
    );
    for (const line of help.split('\n')) assert.ok(line.length <= 120, line);
  }
});

test('looking makes nothing: without jobs.db there are no jobs', async (t) => {
  const self = project(t);
  assert.equal((await queueJob(self, ['list'])).stdout, 'no jobs\n');
  assert.deepEqual(await json(self, ['list']), []);
  assert.equal((await queueJob(self, ['history'])).stdout, 'no job has ended\n');
  assert.equal((await queueJob(self, ['stats'])).stdout, 'no job has ended\n');
  assert.equal((await queueJob(self, ['export', '--all'])).stdout, '');
  assert.equal((await queueJob(self, ['pause', '--list'])).stdout, 'nothing is paused\n');
  assert.equal(
    (await queueJob(self, ['delete', '--state', 'failed', '--older-than', '0'])).stdout,
    '0 jobs removed\n',
  );
  for (const verb of ['seal', 'show', 'wait', 'results', 'retry', 'cancel', 'delete'])
    await queueJob(self, [verb, 'x'], 1);
  assert.deepEqual(readdirSync(self.dir), []);
  startNoWorker(self);
  await queueJob(self, ['cancel', 'x'], 1);
  assert.equal(hasJobs(self), false);
});

test('what stands in the place of jobs.db is refused, not followed', async (t) => {
  const self = project(t);
  startNoWorker(self);
  const path = join(self.spool, 'jobs.db');
  const elsewhere = join(self.dir, 'elsewhere');
  for (const plant of [() => symlinkSync(elsewhere, path), () => mkdirSync(path)]) {
    plant();
    for (const args of [['list'], ['create'], ['export', '--all']]) {
      assert.match((await queueJob(self, args, 1)).stderr, /the spool is refused: .*jobs\.db is not a file/);
    }
    rmSync(path, { recursive: true });
  }
  assert.equal(existsSync(elsewhere), false);
  await create(self);
  onJobs(self, (db) => db.pragma('user_version = 99'));
  for (const args of [['list'], ['create']]) {
    assert.match((await queueJob(self, args, 1)).stderr, /is of version 99.*\n {2}Upgrade hookspool/);
  }
  rmSync(path);
  writeFileSync(path, 'this is no database'.repeat(100), { mode: 0o600 });
  for (const args of [['list'], ['create']]) {
    assert.match(
      (await queueJob(self, args, 1)).stderr,
      /^queue-job: the jobs in .* can't be used: [^\n]*\n$/,
    );
  }
});

test('list: states, names, limit, and a plain table in a pipe', async (t) => {
  const self = project(t);
  const a = await create(self, '--name', 'import-a', '--total', '4');
  const b = await create(self, '--name', 'other \u001b[31m');
  const names = putItems(self, a, 4);
  record(self, a, names.slice(0, 2));
  record(self, a, names.slice(2, 3), { state: 'failed', error: 'boom' });
  const ids = async (...args: string[]) => (await json<Job[]>(self, ['list', ...args])).map(({ id }) => id);
  assert.deepEqual(await ids(), [b, a]);
  assert.deepEqual(await ids('--state', 'running'), [a]);
  assert.deepEqual(await ids('--state', 'running', '--state', 'queued'), [b, a]);
  assert.deepEqual(await ids('--state', 'completed'), []);
  assert.deepEqual(await ids('--name', 'import-*'), [a]);
  assert.deepEqual(await ids('--limit', '1'), [b]);
  const { stdout } = await queueJob(self, ['list']);
  assert.match(stdout, /^id +name +state +done +items +failed +age +took\n/);
  assert.match(stdout, new RegExp(`^${a}  import-a +running +75% +3/4 +1 +\\d+ s +[\\d.]+ s…$`, 'm'));
  assert.match(stdout, new RegExp(`^${b}  other \\\\x1b\\[31m +queued +- +0/0\\+ +0 +\\d+ s +-$`, 'm'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(stdout, /\x1b/);
  assert.match(
    (await queueJob(self, ['list', '--limit', '1'])).stdout,
    /\n\n1 of 2 jobs: --limit shows more\n$/,
  );
});

test('show: progress, what it waits for, meta and first errors', async (t) => {
  const self = project(t);
  const first = await create(self, '--name', 'first', '--total', '8');
  const id = await create(self, '--after', first, '--delay', '600', '--meta', '{"who":"me","n":1}');
  const names = putItems(self, first, 8);
  record(self, first, names.slice(0, 1));
  record(self, first, names.slice(1), { state: 'failed', error: 'it \u001b broke' });
  const text = (await queueJob(self, ['show', first])).stdout;
  assert.match(
    text,
    new RegExp(
      `^Job: +${first}  first\nState: +failed - 7 of 8 items failed\nProgress: █{30} 100 %  8 of 8\n`,
    ),
  );
  assert.match(text, /^Items: +1 applied, 7 failed, 0 withdrawn, 0 queued$/m);
  assert.match(
    text,
    /^First 5 errors:\n( {2}item \d: it \\x1b broke\n){5} {2}and 2 more: queue-job results \S+ --failed\n$/m,
  );
  const waiting = (await queueJob(self, ['show', id])).stdout;
  assert.match(
    waiting,
    new RegExp(`^After: +${first} first, failed 100 %: it waits until its failed items`, 'm'),
  );
  assert.match(waiting, /^Not until \S+Z \(in \d+ min( \d+ s)?\)$/m);
  assert.match(waiting, /^Meta:\n {2}who: me\n {2}n: 1$/m);
  const report = await json<{ job: Job; predecessor: Job; failures: ItemResult[] }>(self, ['show', id]);
  assert.deepEqual(Object.keys(report), ['job', 'predecessor', 'failures']);
  assert.deepEqual([Object.keys(report.job), report.predecessor.id], [KEYS, first]);
});

test('results: lines, JSON lines, only the failed ones; a reader that goes away is no error', async (t) => {
  const self = project(t);
  const id = await create(self);
  const names = putItems(self, id, 3000);
  record(self, id, names.slice(0, 1));
  record(self, id, names.slice(1, 2), {
    state: 'failed',
    error: 'boom\nbang',
    details: { code: 'X', hint: 'y' },
  });
  const lines = (await queueJob(self, ['results', id, '--json'])).stdout.trimEnd().split('\n');
  const results = lines.map((line) => JSON.parse(line) as ItemResult);
  assert.deepEqual(
    results.map(({ name }) => name),
    names,
  );
  assert.deepEqual(
    results.slice(0, 3).map(({ finishedAt, ...rest }) => [typeof finishedAt, rest]),
    [
      [
        'string',
        {
          name: names[0],
          item: 'item 0',
          state: 'done',
          success: true,
          error: null,
          details: null,
          durationUs: 1500,
        },
      ],
      [
        'string',
        {
          name: names[1],
          item: 'item 1',
          state: 'failed',
          success: false,
          error: 'boom\nbang',
          details: { code: 'X', hint: 'y' },
          durationUs: 1500,
        },
      ],
      [
        'string',
        {
          name: names[2],
          item: 'item 2',
          state: 'queued',
          success: null,
          error: null,
          details: null,
          durationUs: null,
        },
      ],
    ],
  );
  assert.equal(
    (await queueJob(self, ['results', id, '--failed'])).stdout,
    'failed      1.50 ms  item 1  boom\\nbang\n',
  );
  const { stdout, stderr } = await self.bash('set -o pipefail; "$1" results "$2" | head -1; echo $?', [
    join(DIST, 'queue-job'),
    id,
  ]);
  assert.deepEqual([stdout, stderr], ['done        1.50 ms  item 0\n0\n', '']);
});

test('seal: a job without items is completed, one with items waits for them', async (t) => {
  const self = project(t);
  const id = await create(self);
  assert.match((await queueJob(self, ['seal', id])).stdout, /is sealed with 0 items: completed\n$/);
  const other = await create(self);
  const names = putItems(self, other, 1);
  assert.equal((await json<Job>(self, ['seal', other])).state, 'queued');
  record(self, other, names);
  assert.equal((await show(self, other)).state, 'completed');
  await queueJob(self, ['seal', other]);
});

test('pause and resume: kept in the footer, the rest stays paused, and entries that wait get a worker', async (t) => {
  const self = project(t);
  withLog(self);
  await queueJob(self, ['pause']);
  await queueJob(self, ['pause', 'import']);
  assert.equal(
    (await queueJob(self, ['pause', 'import'])).stdout,
    'the operation import was already paused\n',
  );
  assert.deepEqual(await json(self, ['pause', '--list']), { all: true, operations: ['import'] });
  assert.match(
    (await queueJob(self, ['list'])).stdout,
    /\n\npaused: the whole queue\npaused: operation import\n$/,
  );
  putEntry(self, logs('a'));
  assert.equal(
    (await queueJob(self, ['resume', 'import'])).stdout,
    'the operation import goes on\nstill paused: the whole queue\n',
  );
  assert.deepEqual(logged(self), []);
  assert.equal((await queueJob(self, ['resume'])).stdout, 'the whole queue goes on\n');
  await waitFor('a worker to apply it', () => logged(self).length === 1);
  assert.equal((await queueJob(self, ['resume'])).stdout, 'the whole queue was not paused\n');
});

test('show --watch in a pipe: pages after a blank line until the job has ended', async (t) => {
  const self = project(t);
  const id = await create(self, '--total', '2');
  const names = putItems(self, id, 2);
  const watch = background(t, self, join(DIST, 'queue-job'), ['show', id, '--watch', '--interval', '0.1']);
  await waitFor('two pages', () => (watch.text().match(/^State: +queued/gm)?.length ?? 0) >= 2);
  record(self, id, names);
  assert.equal(await watch.ended, 0);
  const pages = watch.text().split('\n\n');
  for (const page of pages) assert.match(page, /^Job: /);
  assert.match(pages.at(-1) as string, /^State: +completed$/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(watch.text(), /\x1b/);
});

test('show --watch in a terminal: redrawn in place, and the last page stays', { skip: noTmux }, async (t) => {
  const self = project(t);
  const id = await create(self, '--name', 'import', '--total', '4');
  const names = putItems(self, id, 4);
  await inTerminal(self, {}, async (shell) => {
    await waitFor('the prompt', () => shell.screen().at(-1) === '>');
    shell.keys(`${join(DIST, 'queue-job')} show ${id} --watch --interval 0.1; echo code=$?`, 'Enter');
    await waitFor('the page', () => shell.screen().some((line) => /^Progress: ░+ 0 % {2}0 of 4$/.test(line)));
    assert.equal(shell.cursor(), '0', 'the cursor is hidden');
    record(self, id, names.slice(0, 2));
    await waitFor('half of it', () =>
      shell.screen().some((line) => /^Progress: █+░+ 50 % {2}2 of 4$/.test(line)),
    );
    shell.resize(36, 45);
    await waitFor('the narrow page', () => shell.screen().some((line) => /^Progress: ██░░░ 50 %/.test(line)));
    const count = (pattern: RegExp): number => shell.screen().filter((line) => pattern.test(line)).length;
    assert.deepEqual([count(/^Job: /), count(/^State: /), count(/^Progress: /)], [1, 1, 1]);
    record(self, id, names.slice(2));
    await waitFor('the end', () => shell.screen().some((line) => line.endsWith('code=0')));
    assert.equal(shell.cursor(), '1', 'the cursor is back');
    assert.deepEqual([count(/^Job: /), count(/^State: +completed/)], [1, 1]);
  });
});
