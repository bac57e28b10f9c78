/**
 * Whatever stands in the place of a file that a program opens in the spool (a symlink to a file outside, one to
 * nothing, a FIFO, a socket, a directory): no program waits there, writes through it, or falls over it.
 *
 * Which files a program opens is what strace sees in an ordinary run of it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { FULL, faultRun } from '../support/faults.ts';
import { SAMPLES } from '../support/hooks.ts';
import { DIST, type Project, project, QUEUE_LIB, type Result, ROOT } from '../support/project.ts';
import { logs, noStrace, once, putEntry, startNoWorker, withLog } from '../support/queue.ts';

interface Program {
  readonly command: readonly string[];
  readonly input?: string;
  /** A hook says nothing and exits 0, whatever happens. */
  readonly silent?: true;
}

const tool = (name: string, ...args: string[]): Program => ({ command: [join(DIST, name), ...args] });
const library = (script: string, input?: string): Program => ({
  command: ['bash', '-c', `. "${QUEUE_LIB}"\n${script}`],
  ...(input === undefined ? {} : { input }),
});
const hook = (name: string, sample: string): Program => ({
  command: [join(ROOT, 'hooks', `${name}.sh`)],
  input: SAMPLES.get(sample) as string,
  silent: true,
});

const PROGRAMS: Record<string, Program> = {
  queue_db_write: library(`queue_db_write "${logs('a')}"`),
  'queue_db_write with a value': library(
    `queue_db_write "INSERT INTO log(t) VALUES(:v)" op 5 '{}' 'v=\u00e4' 'w@-'`,
    'x'.repeat(40_000),
  ),
  'the small functions': library(
    'queue_size; queue_processing_count; queue_is_available; queue_worker_is_running; queue_init_dirs',
  ),
  'queue-write': tool('queue-write', logs('a'), 'op', '5'),
  'queue-write by Node': { command: [process.execPath, join(DIST, 'queue-write'), '--durable', logs('a')] },
  'queue-write at once': { command: ['env', 'USE_QUEUE=false', join(DIST, 'queue-write'), logs('a')] },
  'queue-worker --once': tool('queue-worker', '--once'),
  'queue-worker status': tool('queue-worker', 'status'),
  'queue-worker logs': tool('queue-worker', 'logs'),
  'queue-status': tool('queue-status', '--json'),
  'queue-cleanup': tool('queue-cleanup'),
  'queue-cleanup --archive': tool('queue-cleanup', '--archive', '--hours', '0'),
  'queue-failed list': tool('queue-failed', 'list'),
  'queue-failed retry': tool('queue-failed', 'retry', '--all'),
  'queue-init': tool('queue-init'),
  'queue-init --verify': tool('queue-init', '--verify'),
  'queue-init --reset': tool('queue-init', '--reset', '--yes'),
  'session-start': hook('session-start', 'SessionStart'),
  'auto-checkpoint': hook('auto-checkpoint', 'PostToolUse.Edit'),
  'session-checkpoint': hook('session-checkpoint', 'SessionEnd'),
  'tool-log': hook('tool-log', 'PostToolUse.Bash'),
};

/** A project that has seen everything once: a journal, a dead letter, hooks' files, entries waiting. */
async function prepare(self: Project): Promise<string> {
  withLog(self);
  putEntry(self, logs('first'));
  putEntry(self, 'SELEC', {});
  await once(self, 3);
  startNoWorker(self);
  for (const name of ['auto-checkpoint', 'session-checkpoint'] as const) {
    const { command, input = '' } = PROGRAMS[name] as Program;
    assert.equal((await self.run(command[0] as string, [], { input })).code, 0);
  }
  const written = await self.bash(`queue_db_write "INSERT INTO log(t) VALUES(:v)" op 5 '{}' 'v=\u00e4'`);
  assert.equal(written.code, 0, written.stderr);
  const template = join(self.dir, 'template');
  renameSync(join(self.dir, '.hive-mind'), template);
  return template;
}

let copies = 0;

/** The project anew, in a directory of its own. */
function copyOf(self: Project, template: string): Project {
  const dir = join(self.dir, `copy-${++copies}`);
  const hive = join(dir, '.hive-mind');
  mkdirSync(dir);
  cpSync(template, hive, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  // cpSync gives directories the umask's mode.
  const chmod = (path: string): void => {
    if (!lstatSync(path).isDirectory()) return;
    chmodSync(path, 0o700);
    for (const name of readdirSync(path)) chmod(join(path, name));
  };
  chmod(hive);
  // One orphan of a worker that is gone, to be put back; and journal files old enough to be archived.
  const old = Date.now() / 1000 - 100_000;
  for (const name of readdirSync(join(hive, 'queue', 'completed')))
    utimesSync(join(hive, 'queue', 'completed', name), old, old);
  return {
    ...self,
    dir,
    spool: join(hive, 'queue'),
    db: join(hive, 'hive.db'),
    env: { ...self.env, CLAUDE_PROJECT_DIR: dir },
  };
}

/** Runs it, and kills it when it takes longer than any of them may; then the code is 137. */
function start(
  self: Project,
  { command, input = '' }: Program,
  before: readonly string[] = [],
): Promise<Result> {
  const [program = '', ...args] = ['timeout', '-s', 'KILL', '60', ...before, ...command];
  return self.run(program, args, { input, env: { ...self.env } });
}

/** Paths in the spool that it opens, changes or removes, as far as their names can be known before. */
async function pathsOf(self: Project, program: Program): Promise<string[]> {
  const trace = join(self.dir, 'trace');
  const result = await start(self, program, [
    'strace',
    '-f',
    '-qq',
    '-s',
    '4096',
    '-o',
    trace,
    '-e',
    'trace=%file',
  ]);
  assert.ok([0, 1, 3].includes(result.code ?? -1), `${program.command}: ${result.stderr}`);
  const found = new Set<string>();
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    for (const [, path] of line.matchAll(/"([^"]+)"/g)) {
      const inside = path?.startsWith(`${self.spool}/`) ? path.slice(self.spool.length + 1) : '';
      // Numbers of 9 digits and more are times, which the next run does not have.
      if (inside !== '' && !/^\.tmp\/start-|\d{9}[._-]|_\d+\.json|-verify$|^\.tmp\/(?!start)/.test(inside))
        found.add(inside);
    }
  }
  return [...found]
    .filter(
      (path) =>
        dirname(path) !== '.' ||
        !existsSync(join(self.spool, path)) ||
        !statSync(join(self.spool, path)).isDirectory(),
    )
    .sort();
}

interface Plant {
  readonly make: (path: string, victim: string) => void;
}

const socketAt = (path: string): void => {
  const script = `const at = ${JSON.stringify(path)}; process.chdir(require('path').dirname(at)); require('net').createServer().listen(require('path').basename(at), () => process.kill(process.pid, 9))`;
  spawnSync(process.execPath, ['-e', script]);
};

const PLANTS: Record<string, Plant> = {
  'a symlink to a file': { make: (path, victim) => symlinkSync(victim, path) },
  'a dangling symlink': { make: (path, victim) => symlinkSync(`${victim}-new`, path) },
  'a FIFO': { make: (path) => spawnSync('mkfifo', [path]) },
  'a symlink to a FIFO': {
    make: (path, victim) => {
      spawnSync('mkfifo', [`${victim}-fifo`]);
      symlinkSync(`${victim}-fifo`, path);
    },
  },
  'a directory': { make: (path) => mkdirSync(path) },
  'a socket': { make: socketAt },
};

const PRECIOUS = `${'precious'.repeat(1000)}`;
const STACK = /\n\s+at \S+.*:\d+:\d+/;

/** Plants, runs, and looks at what became of it. */
async function attempt(
  self: Project,
  program: Program,
  path: string,
  plant: Plant,
  what: string,
): Promise<void> {
  const victims = join(self.dir, 'victims');
  const victim = join(victims, 'victim');
  mkdirSync(victims);
  writeFileSync(victim, PRECIOUS, { mode: 0o640 });
  chmodSync(victim, 0o640);
  const at = join(self.spool, path);
  mkdirSync(dirname(at), { recursive: true, mode: 0o700 });
  rmSync(at, { recursive: true, force: true });
  plant.make(at, victim);
  const before = readdirSync(victims).sort();
  const result = await start(self, program);
  assert.ok([0, 1, 2, 3].includes(result.code ?? -1), `${what}: exit code ${result.code}: ${result.stderr}`);
  if (program.silent) assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', ''], what);
  assert.doesNotMatch(result.stdout + result.stderr, STACK, what);
  assert.equal(readFileSync(victim, 'utf8'), PRECIOUS, `${what}: it was written to`);
  assert.equal(statSync(victim).mode & 0o777, 0o640, `${what}: its mode was changed`);
  assert.deepEqual(readdirSync(victims).sort(), before, `${what}: something was made`);
}

/** What was once a way through, always tried. */
const KNOWN: readonly (readonly [program: string, path: string, plant: string])[] = [
  ['queue-worker --once', 'completed/journal-00000001.jsonl', 'a symlink to a file'],
  ['queue-worker --once', 'completed/journal-00000001.jsonl', 'a FIFO'],
  ['queue-worker logs', 'worker.log', 'a FIFO'],
  ['queue-status', 'worker.log', 'a FIFO'],
  ['queue-init --verify', '.identity', 'a FIFO'],
  ['queue-cleanup --archive', 'completed/journal-00000001.jsonl.gz', 'a FIFO'],
  ['auto-checkpoint', `hooks/${'SESSION'}.ops`, 'a symlink to a file'],
  ['auto-checkpoint', `hooks/${'SESSION'}.at`, 'a dangling symlink'],
  ['queue-write at once', 'completed/journal-00000001.jsonl', 'a symlink to a file'],
];

test('no program waits at, writes through or falls over what is planted where it opens a file', {
  skip: noStrace(),
}, async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t, { QUEUE_IDLE_EXIT: '0' });
    const template = await prepare(self);
    const session = String(
      (JSON.parse(SAMPLES.get('PostToolUse.Edit') as string) as { session_id: string }).session_id,
    );
    const names = Object.keys(PROGRAMS);
    const traced = FULL ? names : random.sample(names, 6);
    const all: [string, string, string][] = [];
    for (const name of traced) {
      const paths = await pathsOf(copyOf(self, template), PROGRAMS[name] as Program);
      t.diagnostic(`${name} opens ${paths.join(' ') || 'nothing whose name can be known'}`);
      for (const path of paths) for (const plant of Object.keys(PLANTS)) all.push([name, path, plant]);
    }
    const known = KNOWN.map(([name, path, plant]): [string, string, string] => [
      name,
      path.replace('SESSION', session),
      plant,
    ]);
    const chosen = [...known, ...(FULL ? all : random.sample(all, 25))];
    for (const [name, path, plant] of chosen) {
      const copy = copyOf(self, template);
      await attempt(
        copy,
        PROGRAMS[name] as Program,
        path,
        PLANTS[plant] as Plant,
        `${name}, ${path}: ${plant}`,
      );
      rmSync(copy.dir, { recursive: true });
    }
    count({ faults: chosen.length });
  });
});

test('what is planted where a start is noted keeps no producer waiting, and is not written through', async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t, { QUEUE_IDLE_EXIT: '0' });
    const template = await prepare(self);
    for (const name of ['queue_db_write', 'queue-write by Node', 'tool-log'] as const) {
      for (const [what, plant] of Object.entries(PLANTS).slice(0, 4)) {
        const copy = copyOf(self, template);
        const notes = join(copy.spool, '.tmp');
        rmSync(notes, { recursive: true });
        mkdirSync(notes, { mode: 0o700 });
        // For as many of the notes to come as the run may take.
        const first = Math.floor(Date.now() / 5000);
        const later = Array.from({ length: 12 }, (_, index) => join(notes, `start-${first + 1 + index}`));
        const victim = join(copy.dir, 'victims', 'victim');
        const program = PROGRAMS[name] as Program;
        const plantAll: Plant = {
          make: (path) => {
            for (const each of [path, ...later]) {
              rmSync(`${victim}-fifo`, { force: true });
              plant.make(each, victim);
            }
          },
        };
        await attempt(copy, program, `.tmp/start-${first}`, plantAll, `${name}: ${what}`);
        count({ faults: 1 });
      }
    }
  });
});

const PARTS = ['', 'pending', 'processing', 'completed', 'failed', '.tmp', 'values', 'hooks'];
const isRoot = process.geteuid?.() === 0;

/** What a part of the spool may be made into; `told` is in the message of whoever refuses it. */
const SPOILT: Record<
  string,
  { make: (path: string, elsewhere: string) => void; told: RegExp; needsRoot?: true }
> = {
  'a symlink': {
    make: (path, elsewhere) => {
      rmSync(path, { recursive: true });
      symlinkSync(elsewhere, path);
    },
    told: /is a symlink/,
  },
  'a file': {
    make: (path) => {
      rmSync(path, { recursive: true });
      writeFileSync(path, '', { mode: 0o600 });
    },
    told: /is not a directory/,
  },
  'a FIFO': {
    make: (path) => {
      rmSync(path, { recursive: true });
      spawnSync('mkfifo', [path]);
    },
    told: /is not a directory/,
  },
  'open to the group': {
    make: (path) => chmodSync(path, 0o770),
    told: /open to group or others \(mode 0770\)/,
  },
  'open to others': { make: (path) => chmodSync(path, 0o703), told: /open to group or others \(mode 0703\)/ },
  "someone else's": {
    make: (path) => chownSync(path, 65534, 65534),
    told: /belongs to user 65534/,
    needsRoot: true,
  },
};

/** These change nothing in the spool, or only what is theirs, and say what they found by other words. */
const WRITES_AT_ONCE = new Set([
  'queue_db_write',
  'queue_db_write with a value',
  'queue-write',
  'queue-write by Node',
  'queue-write at once',
]);

test('a part of the spool that is not as it must be is refused, with a message that says which', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t, { QUEUE_IDLE_EXIT: '0' });
    const template = await prepare(self);
    const all = Object.keys(PROGRAMS).flatMap((name) =>
      PARTS.flatMap((part) =>
        Object.entries(SPOILT).flatMap(([what, spoilt]) =>
          spoilt.needsRoot && !isRoot ? [] : [[name, part, what] as const],
        ),
      ),
    );
    const known = [
      ['queue_db_write with a value', 'values', 'a symlink'],
      ['queue_db_write', '.tmp', 'a symlink'],
      ['auto-checkpoint', 'hooks', 'a symlink'],
      ['the small functions', '', 'a symlink'],
    ] as const;
    const chosen = [...known, ...(FULL ? all : random.sample(all, 35))];
    for (const [name, part, what] of chosen) {
      const copy = copyOf(self, template);
      const { make, told } = SPOILT[what] as (typeof SPOILT)[string];
      const elsewhere = join(copy.dir, 'elsewhere');
      mkdirSync(elsewhere, { mode: 0o700 });
      const context = `${name}: ${part || 'the spool'} is ${what}`;
      if (part === '.tmp') rmSync(join(copy.spool, '.tmp'), { recursive: true });
      if (part === '.tmp') mkdirSync(join(copy.spool, '.tmp'), { mode: 0o700 });
      make(join(copy.spool, part), elsewhere);
      const program = PROGRAMS[name] as Program;
      const result = await start(copy, program);
      assert.ok(
        [0, 1, 2, 3].includes(result.code ?? -1),
        `${context}: exit code ${result.code}: ${result.stderr}`,
      );
      assert.doesNotMatch(result.stdout + result.stderr, STACK, context);
      assert.deepEqual(readdirSync(elsewhere), [], `${context}: something was made elsewhere`);
      if (program.silent) assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', ''], context);
      // Only hooks know hooks/; bash looks at what it writes to, and the worker, started by it, at all.
      const isLookedAt =
        part !== 'hooks' &&
        name.startsWith('queue-') &&
        name !== 'queue-worker status' &&
        name !== 'queue-worker logs';
      if (isLookedAt && name !== 'queue-write' && name !== 'queue-write at once') {
        assert.match(result.stdout + result.stderr, told, context);
        assert.equal(result.code, WRITES_AT_ONCE.has(name) ? 0 : 1, context);
      }
      const took = name.startsWith('queue_db_write') && result.code === 0 && result.stderr !== '';
      if (took) assert.match(result.stderr, told, context);
      if (existsSync(copy.spool) && lstatSync(copy.spool).isDirectory())
        await copy.run('queue-worker', ['stop']);
      // A worker that was refused the spool may still be about to say so there.
      rmSync(copy.dir, { recursive: true, maxRetries: 20, retryDelay: 50 });
    }
    count({ faults: chosen.length });
  });
});

/** Files and directories below `path` whose mode is not 0600 or 0700, but for those named. */
function openBelow(path: string, except: readonly string[] = []): string[] {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .map((item) => join(item.parentPath, item.name))
    .filter((file) => !except.includes(file))
    .flatMap((file) => {
      const stat = lstatSync(file, { throwIfNoEntry: false });
      if (!stat || stat.isSymbolicLink()) return [];
      const mode = stat.mode & 0o7777;
      return mode === (stat.isDirectory() ? 0o700 : 0o600) ? [] : [`${file} ${mode.toString(8)}`];
    });
}

test('whatever the umask, everything that is made is for its user alone, and for its user', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const masks = FULL
      ? ['0', '0002', '0022', '0077', '0177', '0277', '0400', '0700', '0777']
      : ['0', ...random.sample(['0177', '0277', '0400', '0777'], 1)];
    for (const mask of masks) {
      const self = project(t, { QUEUE_IDLE_EXIT: '0' });
      startNoWorker(self);
      rmSync(self.spool, { recursive: true });
      const under = async (program: Program): Promise<void> => {
        const result = await start(self, program, ['bash', '-c', `umask ${mask}; exec "$@"`, 'umask']);
        assert.ok(
          result.code === 0 || result.code === 3,
          `umask ${mask}: ${program.command}: ${result.code} ${result.stderr}`,
        );
      };
      await under(tool('queue-init'));
      startNoWorker(self);
      await under(library(`queue_db_write "CREATE TABLE log(n INTEGER PRIMARY KEY, t)"`));
      const programs = [
        'queue_db_write with a value',
        'queue-write',
        'queue-write by Node',
        'auto-checkpoint',
        'session-start',
        'queue-write at once',
      ];
      await under(tool('queue-worker', '--once'));
      startNoWorker(self);
      for (const name of programs) await under(PROGRAMS[name] as Program);
      await under(tool('queue-write', 'SELEC'));
      assert.deepEqual(openBelow(self.spool), [], `umask ${mask}, before the worker`);
      await under(tool('queue-worker', '--once'));
      startNoWorker(self);
      await under(tool('queue-cleanup', '--archive', '--hours', '0'));
      await under(tool('queue-failed', 'retry', '--all'));
      assert.deepEqual(openBelow(join(self.dir, '.hive-mind')), [], `umask ${mask}`);
      count({ faults: 1 });
    }
  });
});
