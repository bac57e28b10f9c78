/**
 * A disk that is full, of bytes or of files, under the spool, the database or both, while producers of every kind
 * write: what was acknowledged arrives, whole and once, what was not does not, and nothing half is left behind.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Disk, noDisk, withDisk } from '../support/disk.ts';
import { compare, type FaultRun, FULL, faultRun, type Random } from '../support/faults.ts';
import { DIST, type Project, processesNaming, project, QUEUE_LIB, waitFor } from '../support/project.ts';
import { entryText, nameOf as nameOfEntry, noteStarts } from '../support/queue.ts';

const SIZE = 20_000;
/** Of each producer's count. */
const SHARE = FULL ? 1 : 0.5;
const DIRECTLY = 'written to the database directly';
/** Each writes `count` texts `NAME-i:xxx` of SIZE bytes to `log`, and prints `NAME-i CODE` for each. */
interface Producer {
  readonly command: readonly string[];
  readonly count: number;
}

const bashLoop = (write: string): readonly string[] => [
  'bash',
  '-c',
  `. "${QUEUE_LIB}"; printf -v pad '%*s' ${SIZE} ''; pad=\${pad// /x}
for ((i = 0; i < $2; i++)); do text=$1-$i:$pad; ${write}; echo "$1-$i $?"; done`,
  'test',
];
const nodeLoop = (options: string): readonly string[] => [
  process.execPath,
  '--no-warnings',
  '--input-type=module',
  '-e',
  `import { enqueue } from '${pathToFileURL(join(DIST, 'index.mjs')).href}';
const [name, count] = process.argv.slice(1);
process.on('SIGXFSZ', () => {});
for (let i = 0; i < Number(count); i++) {
  const t = name + '-' + i + ':' + 'x'.repeat(${SIZE});
  let code = 0;
  try {
    if (enqueue({ sql: 'INSERT INTO log(t) VALUES(:t)', params: { t }, ${options} }).warning) console.error('${DIRECTLY}');
  } catch { code = 1; }
  console.log(name + '-' + i, code);
  await new Promise((done) => setTimeout(done, 5));
}`,
];

const INSERT = 'INSERT INTO log(t) VALUES(:t)';
const PRODUCERS: Readonly<Record<string, Producer>> = {
  bash: { command: bashLoop(`queue_db_write "INSERT INTO log(t) VALUES('$text')"`), count: 14 },
  'bash-value': { command: bashLoop(`queue_db_write '${INSERT}' op 5 '{}' "t=$text"`), count: 14 },
  // Over 32 KB are left to cat.
  'bash-stdin': {
    command: bashLoop(`queue_db_write '${INSERT}' op 5 '{}' 't@-' < <(printf %s "$text$pad")`),
    count: 8,
  },
  'queue-write': {
    command: bashLoop(`"${join(DIST, 'queue-write')}" --param "t=$text" '${INSERT}'`),
    count: 6,
  },
  node: { command: nodeLoop(''), count: 16 },
  durable: { command: nodeLoop('durable: true'), count: 10 },
};

interface Outcome {
  readonly accepted: string[];
  readonly refused: string[];
  /** How many of the accepted went straight to the database. */
  readonly direct: number;
}

interface Scene {
  /** What lies on the small disk. */
  readonly spool: boolean;
  readonly database: boolean;
  /** A worker runs while the disk fills. */
  readonly worker: boolean;
  /** What is left of the disk when the producers begin; each writes about 20 KB a time. */
  readonly left: { bytes: number } | { inodes: number };
  /** The front of the producers' command lines. */
  readonly front?: readonly string[];
}

interface Stage {
  readonly self: Project;
  readonly disk: Disk;
  readonly env: Record<string, string>;
  /** The spool and the database, as seen from here. */
  readonly spool: string;
  /** The texts in `log` without their padding, in order; fails when one is short. Nobody may be writing. */
  ids(): string[];
  names(directory: string): string[];
}

const SCENES: Readonly<Record<string, Scene>> = {
  'under the spool alone, and no worker': {
    spool: true,
    database: false,
    worker: false,
    left: { bytes: 400_000 },
  },
  'under the spool alone, with a worker': {
    spool: true,
    database: false,
    worker: true,
    left: { bytes: 400_000 },
  },
  'under the database alone': { spool: false, database: true, worker: true, left: { bytes: 300_000 } },
  'under both, and no worker': { spool: true, database: true, worker: false, left: { bytes: 500_000 } },
  'under both, with a worker': { spool: true, database: true, worker: true, left: { bytes: 600_000 } },
  'of files, under the spool alone': { spool: true, database: false, worker: false, left: { inodes: 24 } },
  'of files, under both, with a worker': { spool: true, database: true, worker: true, left: { inodes: 2 } },
  'for a user who may have no file of over 12 KB': {
    spool: true,
    database: false,
    worker: false,
    left: { bytes: 3_000_000 },
    front: ['bash', '-c', 'trap "" XFSZ; ulimit -f 12; exec "$@"', 'limited'],
  },
  'for all that is larger than 12 KB': {
    spool: true,
    database: false,
    worker: false,
    left: { bytes: 12_000 },
  },
};

describe('a disk that is full', { skip: noDisk(), concurrency: 2 }, () => {
  for (const [what, scene] of Object.entries(SCENES)) {
    test(what, (t) => faultRun(t, (run) => onStage(t, scene, (stage) => play(stage, scene, run))));
  }
});

/** Enqueues while the disk fills, frees it, and looks at what has arrived. */
async function play(stage: Stage, scene: Scene, { random, count }: FaultRun): Promise<void> {
  const { disk, env } = stage;
  if (scene.worker) assert.equal((await disk.run('queue-worker', ['start'], { env })).code, 0);
  else noteStarts(join(stage.spool, '.tmp'));
  const before = directCount(stage);
  disk.fill(vary(scene.left, random));
  const { accepted, refused, direct } = await produce(disk, env, scene.front);
  if (!scene.spool) await waitFor('the outage to be told', () => outageOf(stage)?.includes('FULL'));
  disk.free();
  await drain(stage);
  const { lost, duplicated } = compare(accepted, stage.ids());
  count({
    entries: accepted.length + refused.length,
    faults: direct + refused.length,
    lost: lost.length,
    duplicated: duplicated.length,
  });
  assert.deepEqual({ lost, duplicated }, { lost: [], duplicated: [] }, `refused: ${refused}`);
  assert.ok(direct + refused.length > 0 || !scene.spool, 'the disk was never full');
  // What cat took from stdin for a disk that became full is nowhere, and the call says so.
  if (!scene.database && !scene.front)
    assert.deepEqual(
      refused.filter((id) => !id.startsWith('bash-stdin')),
      [],
    );
  assert.equal(directCount(stage) - before, direct, 'the direct writes that were counted');
  assertTidy(stage);
  assertJournal(stage, accepted.length - direct, direct);
}

/** A spool that has been used, on the disk or not, with a database that holds `log`; all is taken down again. */
async function onStage(
  t: TestContext,
  scene: Pick<Scene, 'spool' | 'database'>,
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  const self = project(t);
  await withDisk(self, 'size=4m,nr_inodes=400', async (disk) => {
    const spool = scene.spool ? join(disk.root, 'queue') : self.spool;
    const database = scene.database ? join(disk.root, 'hive.db') : self.db;
    const env = {
      QUEUE_BASE_DIR: spool,
      ...(scene.database ? { HIVE_DB: database } : {}),
      SQLITE_BUSY_TIMEOUT: '20000',
    };
    const stage: Stage = {
      self,
      disk,
      env,
      spool: disk.at(spool),
      ids: () => idsOf(disk.rows(database, 'SELECT t FROM log ORDER BY n')),
      names: (directory) => readdirSync(disk.at(join(spool, directory))).sort(),
    };
    const create = 'CREATE TABLE log(n INTEGER PRIMARY KEY, t)';
    for (const [sql, useQueue] of [
      [create, 'true'],
      ['SELECT 1', 'false'],
    ] as const) {
      const made = await disk.run('queue-write', [sql], { env: { ...env, USE_QUEUE: useQueue } });
      assert.equal(made.code, 0, made.stderr);
    }
    await drain(stage);
    try {
      await body(stage);
    } finally {
      disk.free();
      await disk.run('queue-worker', ['stop'], { env });
    }
  });
}

/** Applies what there is; no worker runs afterwards. */
async function drain(stage: Stage): Promise<void> {
  const { disk, env } = stage;
  const result = await disk.run('queue-worker', ['--once'], { env });
  assert.equal(result.code, 0, result.stdout + result.stderr);
  assert.equal((await disk.run('queue-worker', ['stop'], { env })).code, 0);
  assert.deepEqual(stage.names('pending'), []);
}

/** Runs all producers at once. */
async function produce(
  disk: Disk,
  env: Record<string, string>,
  front: readonly string[] = [],
): Promise<Outcome> {
  const outcome = { accepted: [] as string[], refused: [] as string[], direct: 0 };
  const one = async ([name, { command, count }]: [string, Producer]): Promise<void> => {
    const [program, ...args] = [...front, ...command, name, String(Math.ceil(count * SHARE))];
    const { code, stdout, stderr } = await disk.run(program as string, args, { env });
    assert.equal(code, 0, `${name}: ${stderr}`);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, Math.ceil(count * SHARE), `${name}: ${stdout}${stderr}`);
    for (const line of lines) {
      const [id, status] = line.split(' ') as [string, string];
      (status === '0' ? outcome.accepted : outcome.refused).push(id);
    }
    outcome.direct += stderr.split(DIRECTLY).length - 1;
  };
  await Promise.all(Object.entries(PRODUCERS).map(one));
  return outcome;
}

function idsOf(rows: Record<string, unknown>[]): string[] {
  return rows.map(({ t }) => {
    const [id, padding] = String(t).split(':') as [string, string];
    assert.equal(padding.length, id.startsWith('bash-stdin') ? 2 * SIZE : SIZE, `${id} is short`);
    return id;
  });
}

function directCount({ spool }: Stage): number {
  return statSync(join(spool, '.direct')).size;
}

/** No process has died, so nothing at all may be left. */
function assertTidy(stage: Stage): void {
  for (const directory of ['failed', 'processing', 'values'])
    assert.deepEqual(stage.names(directory), [], directory);
  assert.deepEqual(
    stage.names('.tmp').filter((name) => !name.startsWith('start-')),
    [],
    '.tmp',
  );
}

/** Every entry of the queue has its line, once. Direct writes may lack theirs, or have a part of it. */
function assertJournal(stage: Stage, queued: number, direct: number): void {
  const lines = stage.names('completed').flatMap((name) =>
    readFileSync(join(stage.spool, 'completed', name), 'utf8')
      .split('\n')
      .slice(0, -1),
  );
  const names = lines.flatMap((line) => nameIn(line) ?? []);
  assert.equal(new Set(names).size, names.length, 'a line is there twice');
  // Two of the stage's own.
  const known = names.length - 2;
  assert.ok(
    known >= queued && known <= queued + direct,
    `${known} lines for ${queued} entries and ${direct} direct writes`,
  );
  assert.ok(lines.length - names.length <= direct, 'a line is torn');
}

function nameIn(line: string): string | undefined {
  try {
    return (JSON.parse(line) as { name: string }).name;
  } catch {
    return undefined;
  }
}

/** What status says the worker waits for. */
function outageOf({ spool }: Stage): string | undefined {
  const path = join(spool, 'stats.json');
  const { outages } = JSON.parse(readFileSync(path, 'utf8')) as {
    outages: Record<string, { message: string }>;
  };
  return Object.values(outages)[0]?.message;
}

/** Not always the same number: where a write is cut depends on it. */
function vary(left: Scene['left'], random: Random): Scene['left'] {
  return 'bytes' in left
    ? { bytes: left.bytes + random.below(30) * 1000 }
    : { inodes: left.inodes + random.below(3) };
}

/** `count` entries by hand, and one among them whose SQL is wrong, each of 20 KB. @returns the ids of the others. */
function putMany({ spool }: Pick<Stage, 'spool'>, count: number): string[] {
  const ids = Array.from({ length: count }, (_, i) => `put-${i}`);
  for (const [i, id] of ids.entries()) {
    const params = { t: `${id}:${'x'.repeat(SIZE)}` };
    const sql = i === 1 ? 'INSERT INTO nowhere VALUES(:t)' : INSERT;
    writeFileSync(join(spool, 'pending', nameOfEntry()), entryText(sql, { params }), { mode: 0o600 });
  }
  return ids.filter((id) => id !== 'put-1');
}

for (const [what, left] of Object.entries({ bytes: { bytes: 0 }, files: { inodes: 0 } })) {
  for (const isNew of [false, true]) {
    test(
      `a worker that starts in a ${isNew ? 'new spool' : 'spool'} on a disk full of ${what} waits, and goes on when there is room`,
      {
        skip: noDisk(),
      },
      (t) =>
        faultRun(t, ({ count }) =>
          onStage(t, { spool: true, database: false }, async (stage) => {
            const { disk, env, spool } = stage;
            const gone = ['worker.log', 'stats.json', ...(isNew ? ['.identity', '.direct', '.seq'] : [])];
            for (const name of gone) rmSync(join(spool, name), { force: true });
            if (isNew) for (const name of stage.names('completed')) rmSync(join(spool, 'completed', name));
            const ids = putMany(stage, 6);
            const names = stage.names('pending');
            disk.fill(left);
            const running = disk.run('queue-worker', ['--foreground'], { env });
            const pid = await waitFor('a worker', () => workerIn(stage));
            // Several tries in vain.
            const looked = stateOf(pid);
            await waitFor('some tries', () => stateOf(pid).switches > looked.switches + 30);
            assert.deepEqual([stage.names('pending'), stage.names('failed')], [names, []]);
            // worker.pid could not be written, so nobody can see a worker.
            const status = await disk.run('queue-status', ['--json'], { env });
            assert.match(
              (JSON.parse(status.stdout) as { message: string }).message,
              /6 waiting, .* disk .* full/,
            );
            disk.free();
            await waitFor('pending/ to be empty', () => stage.names('pending').length === 0);
            await waitFor('worker.pid', () => existsSync(join(spool, 'worker.pid')));
            process.kill(pid, 'SIGTERM');
            const { code, stdout, stderr } = await running;
            assert.equal(code, 0, stdout + stderr);
            const { lost, duplicated } = compare(ids, stage.ids());
            count({ entries: 6, faults: 1, lost: lost.length, duplicated: duplicated.length });
            assert.deepEqual(stage.ids(), ids);
            const [letter, ...others] = stage.names('failed');
            assert.deepEqual(others, []);
            const text = readFileSync(join(spool, 'failed', letter as string), 'utf8');
            assert.equal((JSON.parse(text) as { error: { code: string } }).error.code, 'SQLITE_ERROR');
            rmSync(join(spool, 'failed', letter as string));
            assertTidy(stage);
            assertJournal(stage, isNew ? 3 : 5, 0);
          }),
        ),
    );
  }
}

/** The process that runs as the worker of this spool, whether it could write worker.pid or not. */
function workerIn({ self }: Stage): number | undefined {
  return processesNaming(self.dir).find((pid) => {
    const command = existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'latin1') : '';
    return command.includes('queue-worker\0run');
  });
}

/** How often a process has gone to sleep by itself. */
function stateOf(pid: number): { switches: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return { switches: Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]) };
}

const ENDLESS = 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT sum(n) FROM r';

test(
  'a write that goes to the database because the spool is full, and never ends, is stopped and undone',
  {
    skip: noDisk(),
  },
  (t) =>
    faultRun(t, ({ count }) =>
      onStage(t, { spool: true, database: false }, async (stage) => {
        const { disk } = stage;
        noteStarts(join(stage.spool, '.tmp'));
        disk.fill({ inodes: 0 });
        const env = { ...stage.env, SQLITE_TIMEOUT: '300', SQLITE_BUSY_TIMEOUT: '0' };
        const sql = `INSERT INTO log(t) VALUES('endless:'); ${ENDLESS}`;
        const bash = ['-c', `. "${QUEUE_LIB}"; queue_db_write "$1"`, 'test', sql];
        for (const [program, args] of [
          ['queue-write', [sql]],
          ['bash', bash],
        ] as const) {
          const { code, stderr } = await disk.run(program, args, { env });
          assert.notEqual(code, 0, program);
          assert.match(stderr, /ran longer than SQLITE_TIMEOUT \(300 ms\)/);
        }
        count({ entries: 2, faults: 2 });
        assert.deepEqual(stage.ids(), []);
      }),
    ),
);

test(
  'a value is written and its entry is not, or neither: nothing is left, and the database has it',
  {
    skip: noDisk(),
  },
  (t) =>
    faultRun(t, ({ random, count }) =>
      onStage(t, { spool: true, database: false }, async (stage) => {
        const { disk, env } = stage;
        noteStarts(join(stage.spool, '.tmp'));
        // The value has 5 pages, the entry one; each has an inode.
        const limits = [
          ...Array.from({ length: 9 }, (_, pages) => ({ bytes: pages * 4096 })),
          { inodes: 0 },
          { inodes: 1 },
        ];
        const { command } = PRODUCERS['bash-value'] as Producer;
        const [program, ...args] = command as [string, ...string[]];
        const expected: string[] = [];
        for (const limit of FULL ? limits : random.sample(limits, 5)) {
          disk.fill(limit);
          const id = JSON.stringify(limit).replaceAll(/\W+/g, '-');
          const { code, stdout, stderr } = await disk.run(program, [...args, id, '1'], { env });
          assert.deepEqual([code, stdout], [0, `${id}-0 0\n`], stderr);
          disk.free();
          const isDirect = stderr.includes(DIRECTLY);
          count({ entries: 1, faults: isDirect ? 1 : 0 });
          // At the edge it may be either.
          if ('inodes' in limit || limit.bytes < 4 * 4096) assert.ok(isDirect, id);
          assert.equal(stage.names('pending').length, isDirect ? 0 : 1, id);
          // Where bash has no room for the value's file, Node may have some for an entry with the value in it.
          assert.ok(stage.names('values').length <= (isDirect ? 0 : 1), id);
          await drain(stage);
          expected.push(`${id}-0`);
          assert.deepEqual(stage.ids(), expected);
          assertTidy(stage);
        }
      }),
    ),
);

test(
  'an entry that is too large for what is left in the database waits; the others are applied, and --once says so',
  {
    skip: noDisk(),
  },
  (t) =>
    faultRun(t, ({ count }) =>
      onStage(t, { spool: false, database: true }, async (stage) => {
        const { disk, env } = stage;
        disk.fill({ bytes: 600_000 });
        const text = (id: string, size: number): string =>
          entryText(INSERT, { params: { t: `${id}:${'x'.repeat(size)}` } });
        const put = (content: string): string => {
          const name = nameOfEntry();
          writeFileSync(join(stage.spool, 'pending', name), content, { mode: 0o600 });
          return name;
        };
        put(text('before', SIZE));
        const large = put(entryText("INSERT INTO log(t) VALUES('large:' || hex(zeroblob(10000000)))"));
        put(text('after', SIZE));
        const result = await disk.run('queue-worker', ['--once'], { env });
        count({ entries: 3, faults: 1 });
        assert.deepEqual(stage.names('pending'), [large], result.stdout + result.stderr);
        assert.equal(result.code, 1, result.stdout);
        assert.match(result.stderr, /SQLITE_FULL/);
      }),
    ),
);
