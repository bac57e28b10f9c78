/**
 * The order of application against its model (test/support/order-model.ts), with the worker itself: random histories
 * of rounds. In a round entries come, by real producers and as files with names of any time; then the worker drains
 * what there is, in a process of its own, in one that is killed, or here with lanes that hold a few names only.
 *
 * After each round the new rows of each database must be the model's, in its order (after a SIGKILL: the first of
 * them). At the end every entry has met its one fate, and the journal tells the same order as the rows. What is
 * delayed or was tried before comes when its time has come, so only that it comes, not when, is asked of it.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { FULL, faultRun } from '../support/faults.ts';
import { Play } from '../support/order-play.ts';
import { round } from '../support/order-round.ts';
import { project } from '../support/project.ts';

/** More deaths with the same entry in hand would make it poison. */
const MAX_KILLS = 2;

test('random histories of rounds: what is applied, and in which order, is what the model says', async (t) => {
  const self = project(t);
  await faultRun(t, async ({ random, count }) => {
    const history = fc.record({
      aging: fc.constantFrom(0, 0, 3600),
      rounds: fc.array(round(['once', 'killed', 'here', 'here']), {
        minLength: 2,
        maxLength: 5,
        size: 'max',
      }),
    });
    await fc.assert(
      fc.asyncProperty(history, async ({ aging, rounds }) => {
        const play = new Play(t, self, aging);
        for (const round of rounds) {
          await play.round(
            round.mode === 'killed' && play.kills >= MAX_KILLS ? { ...round, mode: 'once' } : round,
          );
        }
        await play.end();
        count({ entries: play.entries, kills: play.kills, faults: play.outages });
      }),
      // Making a failure smaller takes minutes here.
      { numRuns: FULL ? 150 : 6, seed: random.below(2 ** 31), endOnFailure: !FULL },
    );
  });
});
