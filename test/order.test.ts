/** Lanes against a model that is too simple to be wrong, and the names that order stands on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryName, isEntryName, parseEntryText, serializeEntry, splitName } from '../lib/spool/entry.ts';
import { Lanes } from '../lib/spool/order.ts';
import { microsOf } from '../lib/spool/sequence.ts';

/** The same pseudo-random numbers for the same seed, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

const START = 1_700_000_000_000_000;

/** The next name by definition: the best of all by (priority less a step per `aging` waited, then sequence). */
function nextOf(names: readonly string[], now: number, aging: number): string | undefined {
  const rank = (name: string): number => {
    const priority = Number(name.slice(0, 2));
    if (aging === 0) return priority;
    const waited = Math.max(0, now - (microsOf(name) || now));
    return Math.max(1, priority - Math.floor(waited / (aging * 1_000_000)));
  };
  const key = (name: string): string => `${String(rank(name)).padStart(2, '0')}_${name.slice(3)}`;
  return [...names].sort((a, b) => (key(a) < key(b) ? -1 : 1))[0];
}

for (const aging of [0, 1, 7, 0.001]) {
  test(`Lanes takes what the definition takes, over random histories, with aging ${aging}`, () => {
    for (let seed = 1; seed <= 150; seed++) {
      const next = random(seed);
      const lanes = new Lanes(aging);
      const model: string[] = [];
      let now = START;
      let count = 0;
      const add = (): void => {
        const names = Array.from({ length: Math.floor(next() * 6) }, () => {
          const seq = `${now - Math.floor(next() * 20_000_000)}_${++count}`;
          // Older writers may have used any string: it has not aged.
          return entryName(1 + Math.floor(next() * 10), next() < 0.1 ? `old-${count}` : seq);
        });
        lanes.add(names);
        model.push(...names);
      };
      for (let step = 0; step < 60; step++) {
        now += Math.floor(next() * 3_000_000);
        if (next() < 0.5) add();
        else {
          const expected = nextOf(model, now, aging);
          const taken = lanes.take(now);
          assert.equal(taken, expected, `seed ${seed}, step ${step}`);
          if (taken === undefined) continue;
          model.splice(model.indexOf(taken), 1);
          // Sometimes it comes back: its batch ended before it.
          if (next() < 0.2) {
            lanes.add([taken]);
            model.push(taken);
          }
        }
        assert.equal(lanes.size, model.length, `seed ${seed}, step ${step}`);
        if (aging === 0)
          assert.deepEqual(lanes.peek(5), [...model].sort().slice(0, 5), `seed ${seed}, step ${step}`);
      }
    }
  });
}

for (const aging of [0, 1, 7, 0.001]) {
  test(`Lanes with a limit takes the same, when listings bring what it does not hold, with aging ${aging}`, () => {
    let listings = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(seed);
      const limit = 1 + Math.floor(next() * 6);
      const lanes = new Lanes(aging, limit);
      const waiting = new Set<string>();
      const inHand: string[] = [];
      // What its user keeps: the names that are held or in hand.
      const known = new Set<string>();
      let now = START;
      let count = 0;
      const add = (names: readonly string[]): void => {
        for (const name of names) known.add(name);
        for (const name of lanes.add(names)) assert.ok(known.delete(name), `${name} was not held`);
      };
      const list = (): void => {
        listings += 1;
        lanes.liftHorizons();
        const names = [...waiting].sort(() => next() - 0.5);
        while (names.length > 0) add(names.splice(0, 3).filter((name) => !known.has(name)));
      };
      const take = (): void => {
        const expected = nextOf([...waiting], now, aging);
        let taken = lanes.take(now);
        if (taken === undefined && lanes.isExhausted) {
          list();
          assert.equal(lanes.isExhausted, false, `seed ${seed}: still exhausted`);
          taken = lanes.take(now);
        }
        assert.equal(taken, expected, `seed ${seed}, ${count} names`);
        if (taken === undefined) return;
        waiting.delete(taken);
        inHand.push(taken);
      };
      for (let step = 0; step < 60; step++) {
        now += Math.floor(next() * 3_000_000);
        const dice = next();
        if (dice < 0.3) {
          const names = Array.from({ length: Math.floor(next() * 8) }, () => {
            const seq = `${now - Math.floor(next() * 20_000_000)}_${++count}`;
            return entryName(4 + Math.floor(next() * 3), next() < 0.1 ? `old-${count}` : seq);
          });
          for (const name of names) waiting.add(name);
          add(names);
        } else if (dice < 0.4) {
          // A database is back: all that was put aside goes back, late.
          const back = inHand.splice(0);
          for (const name of back) waiting.add(name);
          add(back);
        } else if (dice < 0.5) {
          for (const name of inHand.splice(0)) known.delete(name);
        } else take();
        assert.ok(lanes.size <= 3 * 1.5 * limit, `seed ${seed}: ${lanes.size} names held`);
        assert.equal(lanes.size, known.size - inHand.length, `seed ${seed}: what is held is known`);
        const peeked = lanes.peek(5);
        if (aging === 0)
          assert.deepEqual(peeked, [...waiting].sort().slice(0, peeked.length), `seed ${seed}`);
      }
      while (waiting.size > 0) take();
    }
    assert.ok(listings > 500, `only ${listings} listings`);
  });
}

test('a lane is cut to its smallest names, and what is beyond them is handed back', () => {
  const lanes = new Lanes(0, 10);
  const names = Array.from({ length: 40 }, (_, i) => `05_${START + i}_1.json`);
  assert.deepEqual(lanes.add(names.slice(5, 20)), [], 'one and a half times the limit is not cut yet');
  assert.deepEqual(lanes.add([names[20] as string]), names.slice(15, 21));
  assert.deepEqual(lanes.add(names.slice(21)), names.slice(21), 'beyond the horizon');
  assert.deepEqual(lanes.add(names.slice(0, 5)), [], 'before it there is room');
  assert.equal(lanes.isBeyondHorizon(names[14] as string), false);
  assert.equal(lanes.isBeyondHorizon(names[15] as string), true);
  assert.equal(lanes.isBeyondHorizon('09_1.json'), false, 'each priority has its own');
  lanes.liftHorizons();
  assert.ok(lanes.isBeyondHorizon(names[15] as string), 'it is not exhausted yet');
  lanes.clear();
  assert.deepEqual([lanes.size, lanes.isExhausted, lanes.take(START)], [0, false, undefined]);
  assert.deepEqual(lanes.add(names.slice(20, 21)), []);
});

test('an exhausted lane holds back the less urgent ones, not the more urgent; with aging it holds back all', () => {
  for (const [aging, urgent] of [
    [0, '01_1_1.json'],
    [60, undefined],
  ] as const) {
    const lanes = new Lanes(aging, 2);
    const names = Array.from({ length: 4 }, (_, i) => `05_${START + i}_1.json`);
    assert.deepEqual(lanes.add([...names, '09_1_1.json']), names.slice(2));
    assert.deepEqual(lanes.peek(5), names.slice(0, 2), 'the less urgent does not come next');
    assert.deepEqual([lanes.take(START), lanes.take(START)], names.slice(0, 2));
    assert.equal(lanes.isExhausted, true);
    assert.deepEqual([lanes.take(START), lanes.peek(5)], [undefined, []]);
    lanes.add(['01_1_1.json']);
    assert.equal(lanes.take(START), urgent);
    lanes.liftHorizons();
    if (!urgent) assert.equal(lanes.take(START), '01_1_1.json');
    assert.deepEqual(lanes.add(names.slice(2)), []);
    assert.deepEqual([lanes.take(START), lanes.take(START)], names.slice(2));
    assert.equal(lanes.take(START), '09_1_1.json');
  }
});

test('without aging the order is the byte order of the names', () => {
  const lanes = new Lanes();
  const names = Array.from({ length: 1000 }, (_, i) =>
    entryName(1 + (i % 10), `${START + ((i * 7919) % 1000)}_${i}`),
  );
  lanes.add(names);
  const taken = Array.from({ length: 1000 }, () => lanes.take(START));
  assert.deepEqual(taken, [...names].sort());
  assert.equal(lanes.take(START), undefined);
});

test('the largest batch, and a million names in one lane, are no strain on the stack', () => {
  const lanes = new Lanes();
  lanes.add(Array.from({ length: 1_000_000 }, (_, i) => `05_${START + i}_1.json`));
  assert.equal(lanes.peek(1_000_000).length, 1_000_000);
  assert.equal(lanes.take(0), `05_${START}_1.json`);
  assert.equal(lanes.size, 999_999);
});

test('names: made, recognised and taken apart', () => {
  assert.equal(entryName(5, '1_2'), '05_1_2.json');
  assert.equal(entryName(10, '1_2'), '10_1_2.json');
  assert.deepEqual(splitName('10_1_2.json'), { priority: 10, seq: '1_2' });
  for (const name of ['01_a.json', '10_1767328963123456_50032.json', '09_a.b-c_d.json'])
    assert.ok(isEntryName(name), name);
  for (const name of [
    '00_a.json',
    '11_a.json',
    '5_a.json',
    '05_.json',
    '05_a.JSON',
    '05_a.json ',
    'x05_a.json',
    '05_a/b.json',
    '',
    '05_a.json\n',
  ]) {
    assert.equal(isEntryName(name), false, JSON.stringify(name));
  }
});

test('serialize and parse are inverse for random entries, and keep what they do not know', () => {
  const texts = [
    '',
    'plain',
    'a"b\\c',
    '\n\t\r\b\f\u0001\u001f\u007f',
    'äöü😀𝒳',
    '\u2028\u2029',
    '{"x":1}',
    '\ufffd',
    "it's; -- x",
  ];
  const numbers = [0n, 5n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
  for (let seed = 1; seed <= 300; seed++) {
    const next = random(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
    const maybe = <T>(key: string, value: T) => (next() < 0.5 ? { [key]: value } : {});
    const values = (): unknown[] =>
      Array.from({ length: 1 + Math.floor(next() * 4) }, () =>
        pick<unknown>([
          pick(texts),
          pick(numbers),
          1.5,
          true,
          null,
          { nested: [pick(texts), pick(numbers)] },
          [pick(numbers)],
        ]),
      );
    const params = next() < 0.5 ? values() : Object.fromEntries(values().map((value, i) => [`p${i}`, value]));
    const entry = {
      seq: `${START + seed}_${seed}`,
      priority: 1 + Math.floor(next() * 10),
      operation: pick(texts),
      sql: `SELECT '${pick(texts)}'`,
      metadata: { [pick(texts)]: pick(texts) },
      created_at: '2026-01-02T04:42:43Z',
      retries: Math.floor(next() * 3),
      ...maybe('params', params),
      ...maybe('id', pick(texts) || 'id'),
      ...maybe('db', '/some/where.db'),
      ...maybe('not_before', '2026-01-02T04:42:43Z'),
      ...maybe('x_unknown', { kept: [1, pick(texts)] }),
    };
    const text = serializeEntry(entry);
    assert.equal(text.indexOf('\n'), text.length - 1, `seed ${seed}: one line`);
    const parsed = parseEntryText(text, entryName(entry.priority, entry.seq));
    assert.deepEqual(parsed, entry, `seed ${seed}`);
    assert.equal(serializeEntry(parsed), text, `seed ${seed}`);
  }
});
