/**
 * Kills and outages at random while entries go to a PostgreSQL server: the worker and the server get SIGKILL, the server is
 * stopped or frozen for a moment. Each entry arrives once, those of a priority in their order.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, FULL, faultRun } from '../support/faults.ts';
import { noPostgres, postgresServer, type Server } from '../support/postgres.ts';
import { project, workerPid } from '../support/project.ts';
import { drained, ended, entryText, isAlive, nameOf, put, startWorker } from '../support/queue.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer();
const ROUNDS = FULL ? 60 : 8;
const PER_ROUND = 150;

test('entries survive kills of worker and server, each once and in order', { skip }, (t) =>
  faultRun(t, async ({ random, count }) => {
    await server.database('storm');
    await server.sql('CREATE TABLE log(n bigserial PRIMARY KEY, t text)', 'storm');
    const self = project(t, server.env('storm'));
    const sent: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (let n = 0; n < PER_ROUND; n++) {
        const text = `row ${String(sent.length).padStart(6, '0')}`;
        sent.push(text);
        const sql = 'INSERT INTO log(t) VALUES(:t)';
        put(self, entryText(sql, { priority: 5, params: { t: text } }), nameOf(5));
      }
      await startWorker(self);
      await new Promise((done) => setTimeout(done, random.below(400)));
      switch (random.below(5)) {
        case 0: {
          const pid = workerPid(self);
          if (pid !== undefined && isAlive(pid)) {
            process.kill(pid, 'SIGKILL');
            await ended(pid);
          }
          count({ kills: 1 });
          break;
        }
        case 1:
          await server.kill();
          await server.start();
          count({ kills: 1 });
          break;
        case 2:
          await server.stop(random.below(2) === 0 ? 'fast' : 'immediate');
          await server.start();
          count({ faults: 1 });
          break;
        case 3: {
          const thaw = server.freeze();
          await new Promise((done) => setTimeout(done, random.below(1500)));
          thaw();
          count({ faults: 1 });
          break;
        }
        default:
          await server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hookspool'",
          );
          count({ faults: 1 });
      }
    }
    await startWorker(self);
    await drained(self, 120);
    const arrived = (await server.sql('SELECT t FROM log ORDER BY n', 'storm')).map((row) => String(row.t));
    const { lost, duplicated } = compare(sent, arrived);
    const outOfOrder = arrived.filter((text, at) => at > 0 && text < (arrived[at - 1] as string)).length;
    count({ entries: sent.length, lost: lost.length, duplicated: duplicated.length, outOfOrder });
    assert.deepEqual([lost, duplicated, outOfOrder], [[], [], 0]);
    assert.deepEqual(self.names('failed'), []);
    assert.equal(self.journal().length, sent.length);
  }),
);
