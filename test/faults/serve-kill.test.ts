/**
 * The failover story over HTTP: pushes while the database is there, while it is locked or gone, and when it is back;
 * worker, queue-serve and its direct writer killed meanwhile. What was pushed with an id is there once, what was
 * answered is there, and each source's items are in the order in which it sent them; the journal has a line of each.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, killWorker } from '../support/clients.ts';
import { compare, FULL, faultRun } from '../support/faults.ts';
import { type Project, project, waitFor } from '../support/project.ts';
import { drained, lockDatabase, logged, withLog } from '../support/queue.ts';
import { logItems, push, type Server, serve } from '../support/serve.ts';

/** The process that writes directly; the server goes on without it, and starts another. */
function killDirectWriter({ child }: Server): boolean {
  try {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1');
    const writer = children
      .split(' ')
      .find((pid) => pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('direct-writes'));
    if (writer !== undefined) process.kill(Number(writer), 'SIGKILL');
    return writer !== undefined;
  } catch {
    return false;
  }
}

/** The texts of the journal's lines. */
function journaled(self: Project): string[] {
  return self
    .names('completed')
    .flatMap((name) =>
      readFileSync(join(self.spool, 'completed', name), 'utf8')
        .split('\n')
        .slice(0, -1),
    )
    .map((line) => JSON.parse(line).params.t);
}

/** Rows in the order of a client's pushes. Of one that was sent again, the first time counts. */
function assertInOrder(self: Project, clients: readonly Client[]): void {
  const rows = logged(self) as string[];
  const sent = clients.flatMap((client) => client.sent);
  assert.deepEqual(compare(sent, rows), { lost: [], duplicated: [] });
  for (const client of clients) {
    const prefix = (client.sent[0] as string).split(' ')[0] as string;
    assert.deepEqual(
      rows.filter((text) => text.startsWith(`${prefix} `)),
      client.sent,
      prefix,
    );
  }
}

test('the database goes and comes back; worker, queue-serve and its direct writer are killed', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t, { QUEUE_BATCH_SIZE: '50' });
    withLog(self);
    let server = await serve(self);
    const clients = ['a', 'b', 'c'].map((name) => new Client(name, random));
    const running = clients.map((client) => client.run(() => server, Number.POSITIVE_INFINITY));
    const failed = Promise.race(running.map((run) => run.then(() => new Promise<never>(() => {}))));
    const rounds = FULL ? 60 : 8;
    const grow = async (): Promise<void> => {
      const before = clients.reduce((sum, { sent }) => sum + sent.length, 0);
      const goal = before + 20 + random.below(300);
      await Promise.race([
        failed,
        waitFor('more pushes', () => clients.reduce((sum, { sent }) => sum + sent.length, 0) >= goal),
      ]);
    };
    for (let round = 0; round < rounds; round++) {
      await grow();
      const repair = random.below(3) > 0 ? lockDatabase(self) : undefined;
      if (repair) count({ faults: 1 });
      await grow();
      if (random.below(2) === 0 && killWorker(self)) count({ kills: 1 });
      if (random.below(2) === 0) {
        server.child.kill('SIGKILL');
        await server.ended;
        server = await serve(self);
        count({ kills: 1 });
      }
      await grow();
      repair?.();
      for (let kill = random.below(5); kill > 0; kill--) {
        await grow();
        if (killDirectWriter(server)) count({ kills: 1 });
      }
    }
    for (const client of clients) client.end();
    await Promise.all(running);
    // A worker that was killed is started by the next that comes.
    await push(server, logItems(['last 0']));
    await drained(self, 120);
    await waitFor('the last rows', () => (logged(self) as string[]).includes('last 0'));
    clients.push(Object.assign(new Client('last', random), { sent: ['last 0'] }));
    count({ entries: clients.reduce((sum, { sent }) => sum + sent.length, 0) });
    assertInOrder(self, clients);
    await waitFor('the journal to have all', () => {
      const texts = new Set(journaled(self));
      return (logged(self) as string[]).every((text) => texts.has(text));
    });
    assert.deepEqual([self.names('failed'), self.names('processing')], [[], []]);
  });
});

test('10,000 items pushed in an outage are there once and in order when the database is back', async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t);
    withLog(self);
    const server = await serve(self);
    const texts = (name: string, from: number, length: number) =>
      Array.from({ length }, (_, index) => `${name} ${from + index}`);
    const sources = ['a', 'b'];
    const sent = new Map<string, string[]>(sources.map((name) => [name, []]));
    const pushMany = async (length: number): Promise<Set<string>> => {
      const states = new Set<string>();
      for (let done = 0; done < length; done += 200) {
        await Promise.all(
          sources.map(async (name) => {
            const own = texts(name, sent.get(name)?.length ?? 0, 100);
            sent.get(name)?.push(...own);
            const reply = await push(server, logItems(own), {}, { 'x-source': name });
            assert.equal(reply.body.pushed, 100, reply.text);
            for (const { state } of reply.body.results) states.add(state);
          }),
        );
      }
      return states;
    };
    await waitFor('direct writes', async () => (await pushMany(400)).has('applied'));
    await drained(self);
    const unlock = lockDatabase(self);
    t.after(unlock);
    assert.deepEqual(await pushMany(10_000), new Set(['spooled']));
    unlock();
    await pushMany(400);
    await drained(self);
    const rows = logged(self) as string[];
    count({ entries: rows.length, faults: 1 });
    assert.ok(rows.length >= 10_800, String(rows.length));
    for (const [name, own] of sent) {
      assert.deepEqual(
        rows.filter((text) => text.startsWith(`${name} `)),
        own,
      );
    }
  });
});
