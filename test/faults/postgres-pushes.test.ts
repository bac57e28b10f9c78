/**
 * The failover story with a PostgreSQL server behind it: pushes over HTTP into three spools, each with a queue-serve and
 * a worker of its own, all for one database. The server gets SIGKILL, 10,000 items more are pushed, the server comes back:
 * everything is there once, and each source's items are in the order in which it sent them. The same while workers and
 * queue-serve get SIGKILL, before, during and after the outage.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Client, killWorker } from '../support/clients.ts';
import { compare, FULL, faultRun } from '../support/faults.ts';
import { noPostgres, postgresServer, type Server } from '../support/postgres.ts';
import { type Project, project, waitFor } from '../support/project.ts';
import { drained } from '../support/queue.ts';
import { type Server as Door, logItems, push, series, serve, statesOf } from '../support/serve.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer();
const SPOOLS = ['a', 'b', 'c'];
const ITEMS = 10_000;

interface Spool {
  readonly self: Project;
  door: Door;
}

async function spools(t: TestContext, database: string): Promise<Spool[]> {
  await server.database(database);
  await server.sql('CREATE TABLE log(n bigserial PRIMARY KEY, t text)', database);
  return Promise.all(
    SPOOLS.map(async () => {
      const self = project(t, server.env(database));
      return { self, door: await serve(self) };
    }),
  );
}

/** Lost, doubled, and the sources whose rows are not in the order in which they were sent. */
async function judged(
  database: string,
  sent: ReadonlyMap<string, readonly string[]>,
): Promise<{ lost: string[]; duplicated: string[]; outOfOrder: string[]; rows: number }> {
  const rows = (await server.sql('SELECT t FROM log ORDER BY n', database)).map((row) => String(row.t));
  const { lost, duplicated } = compare([...sent.values()].flat(), rows);
  const outOfOrder = [...sent].filter(([source, texts]) => {
    const own = rows.filter((text) => text.startsWith(`${source} `));
    return own.some((text, at) => text !== texts[at]);
  });
  return { lost, duplicated, outOfOrder: outOfOrder.map(([source]) => source), rows: rows.length };
}

test(
  '10,000 items pushed from three spools while the server is dead are there once and in order',
  {
    skip,
  },
  (t) =>
    faultRun(t, async ({ count }) => {
      const all = await spools(t, 'dead');
      const sent = new Map<string, string[]>();
      /** Both sources of every spool at once, each a request after the other. @returns the states that were answered. */
      const pushAll = async (length: number): Promise<Set<string>> => {
        const states = new Set<string>();
        const fromSource = async ({ door }: Spool, source: string): Promise<void> => {
          const texts = sent.get(source) ?? [];
          sent.set(source, texts);
          for (let done = 0; done < length; done += 100) {
            const own = series(source, Math.min(100, length - done), texts.length);
            const reply = await push(door, logItems(own), {}, { 'x-source': source });
            assert.equal(reply.body.pushed, own.length, reply.text);
            for (const state of statesOf(reply)) states.add(state);
            texts.push(...own);
          }
        };
        await Promise.all(
          all.flatMap((spool, at) => ['x', 'y'].map((name) => fromSource(spool, `${SPOOLS[at]}${name}`))),
        );
        return states;
      };
      await waitFor('a direct write into every spool', async () => (await pushAll(1)).has('applied'));
      await pushAll(100);
      // The server dies with pushes on their way.
      const [states] = await Promise.all([pushAll(300), server.kill()]);
      assert.ok(!states.has('failed'), [...states].join());
      assert.deepEqual(await pushAll(Math.ceil(ITEMS / 6)), new Set(['spooled']));
      await server.start();
      await pushAll(50);
      for (const { self } of all) await drained(self, 120);
      const { rows, ...faults } = await judged('dead', sent);
      count({ entries: rows, kills: 1, lost: faults.lost.length, duplicated: faults.duplicated.length });
      count({ outOfOrder: faults.outOfOrder.length });
      assert.deepEqual(faults, { lost: [], duplicated: [], outOfOrder: [] });
      assert.ok(rows >= ITEMS + 6 * 451, String(rows));
      assert.deepEqual(
        all.flatMap(({ self }) => self.names('failed')),
        [],
      );
      assert.equal(
        all.reduce((sum, { self }) => sum + self.journal().length, 0),
        rows,
      );
    }),
);

test('the same while workers, queue-serve and the server are killed', { skip }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const all = await spools(t, 'killed');
    const clients = all.flatMap((spool, at) =>
      ['x', 'y'].map((name) => ({ spool, client: new Client(`${SPOOLS[at]}${name}`, random, 100) })),
    );
    const running = clients.map(({ spool, client }) =>
      client.run(() => spool.door, Number.POSITIVE_INFINITY),
    );
    const failed = Promise.race(running.map((run) => run.then(() => new Promise<never>(() => {}))));
    const total = (): number => clients.reduce((sum, { client }) => sum + client.sent.length, 0);
    const grow = async (items: number): Promise<void> => {
      const goal = total() + items;
      await Promise.race([failed, waitFor(`${items} items more`, () => total() >= goal, 120)]);
    };
    const strike = async (): Promise<void> => {
      const spool = all[random.below(all.length)] as Spool;
      if (random.below(2) === 0) {
        if (killWorker(spool.self)) count({ kills: 1 });
        return;
      }
      spool.door.child.kill('SIGKILL');
      await spool.door.ended;
      spool.door = await serve(spool.self);
      count({ kills: 1 });
    };
    const rounds = FULL ? 10 : 1;
    for (let round = 0; round < rounds; round++) {
      await grow(300);
      await strike();
      await grow(100);
      await server.kill();
      count({ kills: 1 });
      for (let part = 0; part < 5; part++) {
        await grow(ITEMS / 5);
        await strike();
      }
      await server.start();
      for (let part = 0; part < 3; part++) {
        await grow(200);
        await strike();
      }
      // Once more in the middle of what is being caught up with.
      await server.kill();
      await server.start();
      count({ kills: 1 });
      await grow(200);
    }
    for (const { client } of clients) client.end();
    await Promise.all(running);
    const sent = new Map(clients.map(({ client }) => [client.name, client.sent]));
    // A worker that was killed is started by the next that comes.
    for (const [at, { self, door }] of all.entries()) {
      const last = `last${at} 0`;
      await push(door, logItems([last], { id: last }));
      sent.set(`last${at}`, [last]);
      await drained(self, 120);
    }
    await waitFor('the last rows', async () => (await judged('killed', sent)).lost.length === 0);
    const { rows, ...faults } = await judged('killed', sent);
    count({ entries: rows, duplicated: faults.duplicated.length, outOfOrder: faults.outOfOrder.length });
    assert.deepEqual(faults, { lost: [], duplicated: [], outOfOrder: [] });
    assert.ok(rows >= rounds * ITEMS);
    for (const { self } of all) assert.deepEqual([self.names('failed'), self.names('processing')], [[], []]);
  }),
);
