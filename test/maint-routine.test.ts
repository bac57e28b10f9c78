/** queue-maint hourly and the runner of routines: order, failing steps, exit codes, maint.log. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { QueueError } from '../lib/errors.ts';
import { runRoutine, type Step } from '../lib/maintenance/routine.ts';
import { renderEnd, renderStep } from '../lib/maintenance/routine-page.ts';
import { ensureSpool, spoolAt } from '../lib/spool/layout.ts';
import { plain } from '../lib/terminal/text.ts';
import { type Project, project, type Result } from './support/project.ts';
import { drained, entryText, logged, logs, withLog } from './support/queue.ts';

const QUIET = 'disk=off backup=off';

function hourly(self: Project, ...args: string[]): Promise<Result> {
  return self.run('queue-maint', ['hourly', ...args], { env: { QUEUE_THRESHOLDS: QUIET } });
}

function step(name: string, state: 'ok' | 'warning' | 'critical' | Error, needs?: string): Step {
  return {
    name,
    ...(needs === undefined ? {} : { needs }),
    run: () => {
      if (state instanceof Error) throw state;
      return { state, detail: `${name} is ${state}` };
    },
  };
}

test('a step that throws is critical, the others are taken, but for those that need it', async () => {
  const taken: string[] = [];
  const steps = [
    step('one', 'warning'),
    step('two', new QueueError('DATABASE', 'it is gone', { hint: 'Put it back.' })),
    step('three', 'ok', 'two'),
    step('four', 'ok', 'three'),
    { name: 'five', run: () => Promise.reject(new TypeError('broken')) },
    step('six', 'ok', 'one'),
  ];
  const report = await runRoutine('daily', steps, ({ name }) => taken.push(name));
  assert.deepEqual(
    report.steps.map(({ name, state, detail }) => [name, state, detail]),
    [
      ['one', 'warning', 'one is warning'],
      ['two', 'critical', 'it is gone\nPut it back.'],
      ['three', 'skipped', 'it needs two, which has failed'],
      ['four', 'skipped', 'it needs three, which has failed'],
      ['five', 'critical', 'broken'],
      ['six', 'ok', 'six is ok'],
    ],
  );
  assert.deepEqual(taken, ['one', 'two', 'three', 'four', 'five', 'six']);
  assert.equal(report.state, 'critical');
  assert.ok(report.steps.every(({ seconds }) => seconds >= 0 && seconds < 5));
  assert.match(renderEnd(report, plain), /^daily of \d{4}-.*Z: critical, in 0\.0 s$/);
  assert.deepEqual(
    renderStep({ name: 'two', state: 'critical', seconds: 75, detail: 'a\nb\u001b' }, steps, plain),
    ['critical  two     1 min 15 s  a', '          b\\x1b'],
  );
});

test('the state is the worst of the steps', async () => {
  const stateOf = async (...states: ('ok' | 'warning' | 'critical')[]): Promise<string> =>
    (
      await runRoutine(
        'x',
        states.map((state, n) => step(String(n), state)),
      )
    ).state;
  assert.deepEqual(
    [
      await stateOf(),
      await stateOf('ok', 'ok'),
      await stateOf('warning', 'ok'),
      await stateOf('critical', 'warning'),
    ],
    ['ok', 'ok', 'warning', 'critical'],
  );
});

test('hourly puts orphans back, which are applied, and reports each step', async (t) => {
  const self = project(t);
  withLog(self);
  const path = join(self.spool, 'processing', '05_1700000000000000_1.json');
  writeFileSync(path, entryText(logs('orphan')), { mode: 0o600 });
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  // Whether the worker that this starts is faster than the next step is left open: the entry is old.
  const result = await self.run('queue-maint', ['hourly'], {
    env: { QUEUE_THRESHOLDS: `${QUIET} oldest=off` },
  });
  assert.deepEqual([result.code, result.stderr], [0, ''], result.stdout);
  assert.match(result.stdout, /^ok {8}recover .* 1 orphan older than 30 s put back$/m);
  await drained(self);
  assert.deepEqual(logged(self), ['orphan']);

  const well = await hourly(self);
  assert.deepEqual([well.code, well.stderr], [0, '']);
  assert.match(
    well.stdout,
    /^ok {8}recover [^\n]*\nok {8}health [^\n]*10 ok[^\n]*\nhourly of [^\n]*: ok, in [^\n]*\n$/,
  );
  const json = JSON.parse((await hourly(self, '--json')).stdout) as { steps: object[] };
  assert.deepEqual(Object.keys(json), ['routine', 'started', 'state', 'steps']);
  assert.deepEqual(Object.keys(json.steps[0] as object), ['name', 'state', 'detail', 'seconds']);
});

test('without a spool it makes none', async (t) => {
  const self = project(t);
  const result = await hourly(self);
  assert.equal(result.code, 0, result.stdout);
  assert.match(result.stdout, /^ok {8}recover .* there is no spool yet$/m);
  assert.throws(() => statSync(join(self.dir, '.hive-mind')), /ENOENT/);
  const kept = await hourly(self, '--log');
  assert.deepEqual([kept.code, kept.stderr, kept.stdout], [0, '', '']);
  for (const routine of ['daily', 'weekly']) {
    const result = await self.run('queue-maint', [routine]);
    assert.equal(result.code, 0, result.stdout);
    assert.match(result.stdout, /there is no database yet/);
  }
  assert.throws(() => statSync(join(self.dir, '.hive-mind')), /ENOENT/);
});

test('a spool that is refused is critical in every step, and the report is shown', async (t) => {
  const self = project(t);
  ensureSpool(spoolAt(self.spool));
  chmodSync(self.spool, 0o750);
  const result = await hourly(self, '--log');
  assert.equal(result.code, 2);
  assert.match(result.stdout, /^critical {2}recover .*the spool is refused.*\n {10}Run: chmod 700/m);
  assert.match(result.stdout, /^critical {2}health /m);
  assert.match(result.stderr, /^queue-maint: the report is not in maint.log: the spool is refused/);
});

test('--log keeps reports to the user alone, rotates them, and is silent but for what is critical', async (t) => {
  const self = project(t);
  withLog(self);
  const log = join(self.spool, 'maint.log');
  for (let n = 0; n < 2; n++) {
    const result = await hourly(self, '--log');
    assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
  }
  assert.equal(statSync(log).mode & 0o777, 0o600);
  assert.equal(readFileSync(log, 'utf8').match(/^hourly of .*: ok, /gm)?.length, 2);
  writeFileSync(log, 'x'.repeat(1024 * 1024 + 1));
  rmSync(self.db);
  mkdirSync(self.db);
  const result = await hourly(self, '--log');
  assert.deepEqual([result.code, result.stderr], [2, '']);
  assert.match(
    result.stdout,
    /^ {10}critical integrity: it is not a regular file\n {12}-> Keep the file; run: /m,
  );
  assert.equal(`${result.stdout}\n`, readFileSync(log, 'utf8'));
  assert.equal(statSync(`${log}.1`).size, 1024 * 1024 + 1);
  for (const args of [['--log', '--json'], ['more'], ['--nonsense']])
    assert.equal((await hourly(self, ...args)).code, 2, args.join(' '));
});
