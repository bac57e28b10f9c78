/**
 * Damaged files: entries and values with bits flipped, pieces missing or garbage inserted, and garbage in every file
 * that the spool keeps for itself. The worker survives, says what is wrong with what is wrong, keeps its bytes, and
 * applies the neighbours in their order.
 */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { appendFileSync, existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureSpool, spoolAt } from '../../lib/spool/layout.ts';
import { countApplied, countFailed, readStats, writeStats } from '../../lib/spool/stats.ts';
import { FULL, faultRun, type Random } from '../support/faults.ts';
import { type Project, project } from '../support/project.ts';
import {
  entryText,
  letter,
  logged,
  logs,
  nameOf,
  nodeWrite,
  once,
  put,
  putEntry,
  startNoWorker,
  withLog,
} from '../support/queue.ts';

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** The ways in which a file is damaged. */
const DAMAGE: Record<string, (random: Random, bytes: Buffer) => Buffer> = {
  'flipped bits': (random, bytes) => {
    const damaged = Buffer.from(bytes);
    for (let n = random.below(8); n >= 0 && damaged.length > 0; n--) {
      const at = random.below(damaged.length);
      damaged[at] = (damaged[at] as number) ^ (1 << random.below(8));
    }
    return damaged;
  },
  'an end that is missing': (random, bytes) => bytes.subarray(0, random.below(bytes.length + 1)),
  'an end that is missing, but its newline': (random, bytes) =>
    Buffer.concat([bytes.subarray(0, random.below(bytes.length + 1)), Buffer.from('\n')]),
  'a beginning that is missing': (random, bytes) => bytes.subarray(random.below(bytes.length + 1)),
  'a piece that is missing': (random, bytes) => {
    const at = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.below(40))]);
  },
  'a piece that is there twice': (random, bytes) => {
    const at = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - random.below(40)))]);
  },
  'garbage inserted': (random, bytes) => {
    const at = random.below(bytes.length + 1);
    return Buffer.concat([
      bytes.subarray(0, at),
      randomBytes(random, 1 + random.below(20)),
      bytes.subarray(at),
    ]);
  },
  'a block of NUL': (random, bytes) => {
    const damaged = Buffer.from(bytes);
    const at = random.below(damaged.length + 1);
    return damaged.fill(0, at, Math.min(damaged.length, at + random.below(512)));
  },
  'nothing but garbage': (random) => randomBytes(random, random.below(3000)),
};

const damage = (random: Random, bytes: Buffer): Buffer => random.pick(Object.values(DAMAGE))(random, bytes);

/** As if its writer had died a minute ago. */
function age(path: string): void {
  const then = Date.now() / 1000 - 60;
  utimesSync(path, then, then);
}

/** Each of these is in the journal or in failed/, and the neighbours are in the table. */
function assertAccounted(self: Project, names: readonly string[], neighbours: readonly string[]): void {
  assert.deepEqual(
    logged(self).filter((text) => /^neighbour /.test(String(text))),
    neighbours,
  );
  const applied = new Set(self.journal().map(({ name }) => name));
  const failed = new Set(self.names('failed'));
  for (const name of names) {
    assert.notEqual(applied.has(name), failed.has(name), `${name}: in the journal or in failed/`);
    if (failed.has(name)) assert.ok(letter(self, name).message, name);
  }
  assert.deepEqual([self.names('pending'), self.names('processing')], [[], []]);
}

test('damaged entries in pending/', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    const names: string[] = [];
    const neighbours: string[] = [];
    const damaged = new Map<string, Buffer>();
    for (let n = 0; n < (FULL ? 5000 : 400); n++) {
      const params = { v: `value ${n} ü`, w: [n, 'x', { y: 2 ** 60 }] };
      const more = { params, metadata: { n }, id: `key ${n}`, priority: 5 };
      const text = entryText('INSERT INTO log(t) VALUES(:v); SELECT :w', more);
      const bytes = damage(
        random,
        Buffer.from(random.below(3) ? text : JSON.stringify(JSON.parse(text), null, 2)),
      );
      const name = put(self, bytes, nameOf());
      age(join(self.spool, 'pending', name));
      names.push(name);
      damaged.set(name, bytes);
      if (n % 4 !== 0) continue;
      neighbours.push(`neighbour ${n}`);
      putEntry(self, logs(`neighbour ${n}`));
    }
    count({ entries: names.length + neighbours.length, faults: names.length });
    await once(self, 3);
    assertAccounted(self, names, neighbours);
    for (const name of names.filter((one) => self.names('failed').includes(`${one}.why`))) {
      assert.deepEqual(readFileSync(join(self.spool, 'failed', name)), damaged.get(name), `${name} is kept`);
    }
    for (const command of [['list'], ['list', '--json'], ['show', '--all'], ['show', '--all', '--json']]) {
      const { code, stderr } = await self.run('queue-failed', command);
      assert.deepEqual([code, stderr], [0, ''], command.join(' '));
    }
  });
});

test('damaged values in values/', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    const names: string[] = [];
    const neighbours: string[] = [];
    const expected: string[] = [];
    for (let n = 0; n < (FULL ? 3000 : 250); n++) {
      const text = `value ${n} é "\\\n`.repeat(1 + random.below(60));
      const bytes = damage(random, Buffer.from(`${text}\n`));
      const name = put(self, entryText('INSERT INTO log(t) VALUES(:v)', { values: ['v'] }), nameOf());
      // One in ten has not been written at all.
      const isThere = random.below(10) > 0;
      if (isThere) writeFileSync(join(self.spool, 'values', `${name}.v`), bytes);
      names.push(name);
      if (isThere && bytes.at(-1) === 0x0a && isUtf8(bytes)) expected.push(bytes.toString().slice(0, -1));
      else {
        neighbours.push(`neighbour ${n}`);
        putEntry(self, logs(`neighbour ${n}`));
      }
    }
    count({ entries: names.length + neighbours.length, faults: names.length });
    await once(self, 3);
    assertAccounted(self, names, neighbours);
    assert.deepEqual(
      logged(self).filter((text) => !neighbours.includes(text as string)),
      expected,
    );
    const left = names.filter((name) => existsSync(join(self.spool, 'values', `${name}.v`)));
    for (const name of left)
      assert.ok(self.names('failed').includes(name), `${name}: only what failed keeps its value`);
  });
});

/** What may stand in any of the spool's files after all. */
const ODD_TEXTS = [
  '',
  '\n',
  'null',
  '7',
  '[]',
  '"x"',
  '{}',
  '['.repeat(100_000),
  '0'.repeat(100_000),
  'x'.repeat(1_000_000),
];

/** What is nearly the form of the one file. */
const ODD_FORMS: Record<string, readonly string[]> = {
  'stats.json': [
    '{"operations":null,"databases":null,"outages":null}',
    '{"operations":{"write":5,"(unreadable)":null},"processed":"many","failed":-1,"retried":1e999}',
    '{"operations":{"write":{"count":"1","histogram":[null,"x"]}},"databases":{"length":1}}',
    '{"databases":[5,null,{}],"duplicates":{},"outages":{"spool":null}}',
    '{"operations":"write","outages":[[]]}',
  ],
  'worker.pid': [
    '-1 -1 -1\n',
    '1 0 99999999999999999999\n',
    '0 0 0\n',
    '99999999999 1 08\n',
    'a[$(touch planted)] 1 a[$(touch planted)]\n',
  ],
  '.seq': [
    '9999999999999999',
    '9999999999999999\n',
    '-999999999999999\n',
    'a[$(touch x)]\n',
    '1767328963123456',
  ],
  'processing/batch': [
    'deaths=99999999999999999999999\n?\n!\n',
    `deaths=0\n${'05_1_1.json\n'.repeat(20_000)}`,
    'deaths=0\n../../x\n/etc/passwd\n!../../x\n',
  ],
};

/** Garbage for the file that holds `known` now. */
function garbage(random: Random, file: string, known: Buffer): Buffer {
  const forms = ODD_FORMS[file] ?? ODD_TEXTS;
  const ways = [() => damage(random, known), () => random.pick(ODD_TEXTS), () => random.pick(forms)];
  return Buffer.from(random.pick(ways)());
}

test('statistics of any form are counted on', (t) => {
  const self = project(t);
  const spool = spoolAt(self.spool);
  ensureSpool(spool);
  for (const text of [...ODD_TEXTS, ...(ODD_FORMS['stats.json'] as string[])]) {
    writeFileSync(spool.stats, text);
    const stats = readStats(spool);
    for (const operation of ['write', '__proto__', 'constructor']) {
      countApplied(stats, operation, 5);
      countFailed(stats, operation);
    }
    writeStats(spool, stats);
    const { processed, failed, databases, operations } = readStats(spool);
    assert.deepEqual([processed, failed, databases], [3, 3, []], text.slice(0, 80));
    assert.deepEqual(
      Object.keys(operations)
        .filter((name) => name !== '(unreadable)')
        .sort(),
      ['(other)', 'constructor', 'write'],
    );
  }
});

test('garbage in the files that the spool keeps for itself', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    startNoWorker(self);
    const files = [
      'worker.pid',
      '.seq',
      'stats.json',
      'processing/batch',
      '.identity',
      '.lock',
      '.direct',
      'worker.log',
    ];
    const rows: string[] = [];
    const insert = 'INSERT INTO log(t) VALUES(:v)';
    await once(self);
    for (let round = 0; round < (FULL ? 100 : 6); round++) {
      const waiting = putEntry(self, logs(`waiting ${round}`));
      const context: string[] = [];
      for (const file of files) {
        if (random.below(5) === 0) continue;
        const path = join(self.spool, file);
        const known = file === 'processing/batch' ? Buffer.from(`\n${waiting}\n`) : readIfThere(path);
        const bytes = garbage(random, file, known);
        writeFileSync(path, bytes);
        context.push(`${file}: ${JSON.stringify(bytes.toString('latin1').slice(0, 60))}`);
        count({ faults: 1 });
      }
      const [journal] = self.names('completed').slice(-1);
      if (journal !== undefined) {
        appendFileSync(join(self.spool, 'completed', journal), randomBytes(random, random.below(300)));
        count({ faults: 1 });
      }
      // Whoever writes next: a floor that is ahead makes bash hand over to Node.
      startNoWorker(self);
      const where = `round ${round}, ${context.join('; ')}`;
      const bash = await self.bash(`queue_db_write '${insert}' op 5 '' "v=$1"`, [`bash ${round}`]);
      assert.deepEqual(bash, { code: 0, signal: null, stdout: '', stderr: '' }, where);
      const node = await nodeWrite(self, ['--param', `v=node ${round}`, insert]);
      assert.deepEqual(node, { code: 0, signal: null, stdout: '', stderr: '' }, where);
      const status = await self.run('queue-status', ['--json', '--stats']);
      assert.deepEqual([status.code, status.stderr], [0, ''], where);
      const worker = await self.run('queue-worker', ['--once']);
      assert.equal(worker.code, 0, `${where}: ${worker.stdout}${worker.stderr}`);
      count({ entries: 3 });
      rows.push(`waiting ${round}`, `bash ${round}`, `node ${round}`);
      assert.deepEqual(logged(self), rows, where);
      assert.deepEqual([self.names('pending'), self.names('failed')], [[], []], where);
    }
    assert.ok(!existsSync(join(self.dir, 'planted')), 'nothing of it was evaluated');
    const report = await self.run('queue-status', ['--json', '--stats']);
    assert.doesNotThrow(() => JSON.parse(report.stdout));
  });
});

function readIfThere(path: string): Buffer {
  return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
}
