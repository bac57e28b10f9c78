/** Configuration: what each variable allows, who refuses a bad value and who goes on, and which project is meant. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { ALERT_NUMBERS, BOOLEANS, loadAlertSettings, loadConfig, NUMBERS } from '../lib/config.ts';
import { QueueError } from '../lib/errors.ts';
import { openQueue } from '../lib/producer/enqueue.ts';
import { type Project, project, QUEUE_LIB, waitFor, workerPid } from './support/project.ts';
import { drained, logged, logs, nodeWrite, withLog, workerLog } from './support/queue.ts';

const root = { CLAUDE_PROJECT_DIR: '/project' };

/** Bad values of each variable, and what is allowed instead, as the message has it. */
const bad: [name: string, values: string[], allowed: string][] = [
  ...Object.entries(NUMBERS).map(([name, { min, max, integer }]): [string, string[], string] => [
    name,
    [
      'x',
      '-1',
      '1e3',
      ' 5',
      '0x10',
      'NaN',
      String(max + 1),
      ...(integer ? ['1.5'] : []),
      ...(min > 0 ? ['0'] : []),
    ],
    `must be ${integer ? 'a whole number' : 'a number'} from ${min} to ${max}`,
  ]),
  ...Object.keys(BOOLEANS).map((name): [string, string[], string] => [
    name,
    ['x', '2', 'ja', ' true'],
    'must be true or false',
  ]),
];

for (const [name, values, allowed] of bad) {
  test(`${name}: a bad value is refused by name, value and what is allowed, or reported and the default taken`, () => {
    const fallback = loadConfig(root);
    for (const value of values) {
      const env = { ...root, [name]: value };
      assert.throws(
        () => loadConfig(env),
        (error) =>
          error instanceof QueueError &&
          error.code === 'CONFIG' &&
          error.message === `${name} is '${value}': it ${allowed}`,
        value,
      );
      const reported: string[] = [];
      assert.deepEqual(
        loadConfig(env, (error) => reported.push(error.message)),
        fallback,
      );
      assert.deepEqual(reported, [`${name} is '${value}': it ${allowed}`]);
    }
    assert.deepEqual(loadConfig({ ...root, [name]: '' }), fallback, 'an empty value is as good as none');
  });
}

test('the limits of each number are allowed, and yes and no in their usual spellings', () => {
  for (const [name, { min, max }] of Object.entries(NUMBERS)) {
    for (const value of [min, max]) loadConfig({ ...root, [name]: String(value) });
  }
  for (const [values, expected] of [
    [['true', '1', 'yes', 'on', 'TRUE', 'Yes'], true],
    [['false', '0', 'no', 'off', 'FALSE', 'Off'], false],
  ] as const) {
    for (const value of values)
      assert.equal(loadConfig({ ...root, USE_QUEUE: value }).useQueue, expected, value);
  }
});

test('alerts: bad values are refused or the default taken, and the URL is never shown', () => {
  const fallback = loadAlertSettings({});
  assert.deepEqual(fallback, {
    url: '',
    command: '',
    outage: 60,
    age: 300,
    disk: 1000 * 1024 ** 2,
    interval: 300,
  });
  const bad = { ...Object.fromEntries(Object.keys(ALERT_NUMBERS).map((name) => [name, 'x'])) };
  for (const [name, value] of Object.entries({ ...bad, QUEUE_ALERT_URL: 'ftp://secret' })) {
    const reported: string[] = [];
    const settings = loadAlertSettings({ [name]: value }, (error) => reported.push(error.message));
    assert.deepEqual(settings, fallback);
    assert.equal(reported.length, 1);
    assert.match(reported[0] ?? '', new RegExp(`^${name} is `));
    assert.ok(!reported[0]?.includes('secret'));
    assert.throws(() => loadAlertSettings({ [name]: value }), QueueError);
  }
});

test('the defaults are those that are documented', () => {
  const config = loadConfig(root);
  assert.deepEqual(config, {
    projectRoot: '/project',
    baseDir: '/project/.hive-mind/queue',
    database: '/project/.hive-mind/hive.db',
    databaseIsExplicit: false,
    queueDir: join(process.cwd(), 'queue'),
    pollInterval: 0.1,
    batchSize: NUMBERS.QUEUE_BATCH_SIZE.fallback,
    maxRetries: 3,
    idleExit: 300,
    processingTimeout: 30,
    busyTimeout: 5000,
    statementTimeout: 10_000,
    useQueue: true,
    durable: false,
    aging: 0,
    exactlyOnce: true,
    allowAttach: false,
    jobRetention: 3600,
    thresholds: '',
  });
});

test('relative paths start from the project, absolute ones and URLs are taken as they are', () => {
  const of = (env: Record<string, string>) => loadConfig({ ...root, ...env });
  assert.equal(of({ QUEUE_BASE_DIR: 'q' }).baseDir, '/project/q');
  assert.equal(of({ QUEUE_BASE_DIR: '/q' }).baseDir, '/q');
  assert.equal(of({ HIVE_DB: 'x.db' }).database, '/project/x.db');
  assert.equal(of({ HIVE_DB: '/x.db' }).database, '/x.db');
  assert.equal(of({ HIVE_DB: 'postgres://u:p@h/d' }).database, 'postgres://u:p@h/d');
  assert.equal(of({ HIVE_DB: 'x.db' }).databaseIsExplicit, true);
});

test('queue-worker and --once exit 2 for a bad value and touch nothing', async (t) => {
  const self = project(t);
  for (const args of [[], ['--once'], ['start'], ['status']]) {
    const result = await self.run('queue-worker', args, { env: { SQLITE_TIMEOUT: 'soon' } });
    assert.equal(result.code, 2);
    assert.match(
      result.stderr,
      /SQLITE_TIMEOUT is 'soon': it must be a whole number from 100 to \d+\n {2}Correct/,
    );
  }
  assert.equal(existsSync(self.spool), false);
});

test('a write with bad values takes the defaults, tells the log, and its worker applies it', async (t) => {
  const self = project(t);
  withLog(self);
  const env = { QUEUE_BATCH_SIZE: 'many', QUEUE_DURABLE: 'perhaps', QUEUE_IDLE_EXIT: '' };
  const result = await nodeWrite(self, [logs('a')], { env });
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
  await drained(self);
  assert.deepEqual(logged(self), ['a']);
  const told =
    /warn QUEUE_BATCH_SIZE is 'many': it must be a whole number from 1 to 100000; the default is taken/g;
  // By the producer, and by the worker that inherited the value.
  assert.equal(workerLog(self).match(told)?.length, 2);
  assert.match(workerLog(self), /warn QUEUE_DURABLE is 'perhaps'/);
  await waitFor('the worker', () => workerPid(self));
});

test('the API takes defaults for bad values as a hook does', async (t) => {
  const self = project(t);
  const queue = openQueue({ ...self.env, USE_QUEUE: 'x', SQLITE_BUSY_TIMEOUT: '-1' });
  assert.equal(queue.config.useQueue, true);
  assert.equal(queue.config.busyTimeout, 5000);
  assert.equal(existsSync(self.spool), false, 'openQueue touches nothing');
});

/** The spools below a directory. */
function spoolsIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name === 'pending')
    .map((entry) => relative(dir, entry.parentPath))
    .sort();
}

interface Place {
  make?: (self: Project) => void;
  /** Below the test's directory; default there. */
  cwd?: string;
  env?: (self: Project) => Record<string, string | undefined>;
  spool: string;
}

const none = { CLAUDE_PROJECT_DIR: undefined };
const places: Record<string, Place> = {
  'CLAUDE_PROJECT_DIR, from anywhere': {
    make: ({ dir }) => mkdirSync(join(dir, 'a', '.git'), { recursive: true }),
    cwd: 'a',
    spool: '.hive-mind/queue',
  },
  'a relative CLAUDE_PROJECT_DIR': {
    cwd: 'a',
    env: () => ({ CLAUDE_PROJECT_DIR: '../p' }),
    spool: 'p/.hive-mind/queue',
  },
  'the nearest parent with .git': {
    make: ({ dir }) => {
      mkdirSync(join(dir, '.git'));
      mkdirSync(join(dir, 'a', '.git'), { recursive: true });
    },
    cwd: 'a/b/c',
    env: () => none,
    spool: 'a/.hive-mind/queue',
  },
  'the nearest parent with .hive-mind, nearer than .git': {
    make: ({ dir }) => {
      mkdirSync(join(dir, '.git'));
      mkdirSync(join(dir, 'a', 'b', '.hive-mind'), { recursive: true });
    },
    cwd: 'a/b/c',
    env: () => none,
    spool: 'a/b/.hive-mind/queue',
  },
  'the working directory itself': {
    make: ({ dir }) => mkdirSync(join(dir, 'a', '.git'), { recursive: true }),
    cwd: 'a',
    env: () => none,
    spool: 'a/.hive-mind/queue',
  },
  'the parents of a path through a symlink, as the shell names it': {
    make: ({ dir }) => {
      mkdirSync(join(dir, 'project', '.git'), { recursive: true });
      mkdirSync(join(dir, 'elsewhere', '.git'), { recursive: true });
      mkdirSync(join(dir, 'elsewhere', 'sub'));
      symlinkSync(join(dir, 'elsewhere', 'sub'), join(dir, 'project', 'link'));
    },
    cwd: 'project/link',
    env: ({ dir }) => ({ ...none, PWD: join(dir, 'project', 'link') }),
    spool: 'project/.hive-mind/queue',
  },
  'the real parents when PWD is a lie': {
    make: ({ dir }) => {
      mkdirSync(join(dir, 'a', '.git'), { recursive: true });
      mkdirSync(join(dir, 'b', '.git'), { recursive: true });
    },
    cwd: 'a',
    env: ({ dir }) => ({ ...none, PWD: join(dir, 'b') }),
    spool: 'a/.hive-mind/queue',
  },
  'a relative QUEUE_BASE_DIR, from the project': {
    make: ({ dir }) => mkdirSync(join(dir, '.git')),
    cwd: 'a/b',
    env: () => ({ ...none, QUEUE_BASE_DIR: './x/../q//spool/' }),
    spool: 'q/spool',
  },
  'an absolute QUEUE_BASE_DIR': {
    cwd: 'a',
    env: ({ dir }) => ({ QUEUE_BASE_DIR: join(dir, 'abs') }),
    spool: 'abs',
  },
};

for (const [what, { make, cwd = '.', env, spool }] of Object.entries(places)) {
  test(`Node and bash find the same project: ${what}`, {
    skip: !existsSync(QUEUE_LIB) && 'no lib/queue-lib.sh',
  }, async (t) => {
    const self = project(t);
    make?.(self);
    mkdirSync(join(self.dir, cwd), { recursive: true });
    const options = { cwd: join(self.dir, cwd), env: env?.(self) ?? {} };
    const node = await self.run('queue-worker', ['--once'], options);
    assert.equal(node.code, 0, node.stderr);
    assert.deepEqual(spoolsIn(self.dir), [spool], 'Node');
    rmSync(join(self.dir, spool), { recursive: true });
    const bash = await self.bash('queue_init_dirs', [], options);
    assert.equal(bash.code, 0, bash.stderr);
    assert.deepEqual(spoolsIn(self.dir), [spool], 'bash');
  });
}

test('no other module reads queue settings from the environment', () => {
  const names = [...Object.keys(NUMBERS), ...Object.keys(BOOLEANS), 'QUEUE_BASE_DIR', 'HIVE_DB'];
  const lib = join(import.meta.dirname, '..', 'lib');
  const readers = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file !== 'config.ts')
    .filter((file) => {
      const text = readFileSync(join(lib, file), 'utf8');
      return names.some((name) => text.includes(`env.${name}`) || text.includes(`env['${name}']`));
    });
  assert.deepEqual(readers, []);
});
