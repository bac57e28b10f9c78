/** The simulation of many spools that return at once: jitter spreads them, and the server is never idle for them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { PAUSES, simulate } from '../scripts/herd.ts';
import { ROOT } from './support/project.ts';

const [OURS, PLAIN] = [PAUSES['backoff with jitter'], PAUSES['without jitter']] as const;
assert.ok(OURS && PLAIN);

for (const seed of [1, 2, 3]) {
  test(`1,000 spools after an outage are spread by the jitter, seed ${seed}`, () => {
    const ours = simulate({ spools: 1000, seed, pause: OURS });
    const plain = simulate({ spools: 1000, seed, pause: PLAIN });
    assert.equal(plain.peak, 1000, 'without jitter they come all at once');
    assert.ok(ours.peak < 150, `${ours.peak} in 50 ms`);
    assert.ok(ours.unevenness < 3, `${ours.unevenness} times the mean`);
    // Draining is bound by the server's rate, not by who may connect.
    const atBest = ours.entries / 10_000;
    assert.ok(ours.all < 1.2 * atBest + 2, `${ours.all} s for ${atBest} s of work`);
    assert.deepEqual(simulate({ spools: 1000, seed, pause: OURS }), ours, 'a seed repeats a run');
  });
}

test('scripts/herd.ts prints what it found', () => {
  const { stdout, status } = spawnSync('tsx', [join(ROOT, 'scripts', 'herd.ts'), '50', '7'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0);
  assert.match(stdout, /50 spools, seed 7/);
  assert.match(stdout, /backoff with jitter, 97 connections: \d+ tries/);
});
