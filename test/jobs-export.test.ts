/** queue-job export and import: a round trip, files that are not right, SIGKILL in the middle; history and stats. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ItemResult, Job } from '../lib/jobs/job.ts';
import { accountOf, create, json, onJobs, putItems, queueJob, record, show } from './support/jobs.ts';
import { DIST, project, projectWithin, waitFor } from './support/project.ts';
import { background, startNoWorker } from './support/queue.ts';
import { inTerminal, noTmux } from './support/terminal.ts';

const ISO = fc.integer({ min: 0, max: 4e12 }).map((ms) => new Date(ms).toISOString());
const TEXT = fc.string({ unit: 'grapheme', maxLength: 20 });
const OBJECT = fc
  .dictionary(
    TEXT,
    fc.jsonValue().filter((value) => !Object.is(value, -0)),
    { maxKeys: 3 },
  )
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });

const RESULT = fc.record({
  name: fc.uuid(),
  item: TEXT,
  state: fc.constantFrom('done', 'failed', 'withdrawn', 'queued'),
  error: maybe(TEXT),
  details: maybe(OBJECT),
  durationUs: maybe(fc.nat()),
  finishedAt: maybe(ISO),
});

/** Jobs as they may be: their counters are those of their items, and their states follow from these. */
const JOBS = fc.uniqueArray(
  fc
    .record({
      id: fc.uuid(),
      name: TEXT,
      isSealed: fc.boolean(),
      isCancelled: fc.boolean(),
      expected: maybe(fc.nat()),
      meta: OBJECT,
      template: maybe(TEXT),
      after: maybe(fc.uuid()),
      notBefore: maybe(ISO),
      createdAt: ISO,
      startedAt: maybe(ISO),
      completedAt: maybe(ISO),
      error: maybe(TEXT),
      results: fc.uniqueArray(RESULT, { selector: ({ name }) => name, maxLength: 8 }),
    })
    .map(({ results, isCancelled, ...own }) => {
      const count = (...states: string[]): number =>
        results.filter(({ state }) => states.includes(state)).length;
      const counts = {
        total: results.length,
        processed: count('done', 'failed'),
        failed: count('failed'),
        withdrawn: count('withdrawn'),
      };
      const { total, processed, failed } = counts;
      if (isCancelled) return { ...own, state: 'cancelled', ...counts, results };
      const hasEnded = own.isSealed && count('queued') === 0;
      const runs = processed > 0 || own.startedAt !== null ? 'running' : 'queued';
      return {
        ...own,
        state: hasEnded ? (failed > 0 ? 'failed' : 'completed') : runs,
        error: hasEnded && failed > 0 ? `${failed} of ${total} items failed` : null,
        ...counts,
        results,
      };
    }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 3 },
);

function linesOf(jobs: readonly { results: readonly object[] }[]): string {
  return jobs
    .flatMap(({ results, ...own }) => [{ job: own }, ...results.map((result) => ({ result }))])
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}

test('what is imported and exported again is the same, whatever it is', async (t) => {
  const self = project(t);
  let at = 0;
  await fc.assert(
    fc.asyncProperty(JOBS, async (jobs) => {
      const own = projectWithin(self, `p${++at}`);
      const input = linesOf(jobs);
      await queueJob(own, ['import', '-'], 0, { input });
      const first = (await queueJob(own, ['export', '--all'])).stdout;
      const sorted = (text: string): unknown => {
        const lines = text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { job?: Job; result?: ItemResult });
        const parts: { job: Job; results: object[] }[] = [];
        for (const { job: one, result } of lines) {
          if (one) parts.push({ job: one, results: [] });
          else if (result) {
            const { success: _, ...rest } = result;
            parts.at(-1)?.results.push(rest);
          }
        }
        for (const part of parts)
          part.results.sort((a, b) => ((a as ItemResult).name < (b as ItemResult).name ? -1 : 1));
        return Object.fromEntries(parts.map((part) => [part.job.id, part]));
      };
      assert.deepEqual(sorted(first), sorted(input));
      for (const { id } of jobs) onJobs(own, (db) => accountOf(db, id));
      // Once more into another queue: byte for byte.
      const other = projectWithin(self, `p${++at}`);
      await queueJob(other, ['import', '-'], 0, { input: first });
      assert.equal((await queueJob(other, ['export', '--all'])).stdout, first);
    }),
    { numRuns: 8 },
  );
});

test('an id that is there is refused with its line; --replace replaces it, unless it has queued items', async (t) => {
  const self = project(t);
  const ids = [await create(self, '--total', '1'), await create(self, '--total', '1')];
  for (const id of ids) record(self, id, putItems(self, id, 1));
  const file = join(self.dir, 'jobs.jsonl');
  writeFileSync(file, (await queueJob(self, ['export', '--all'])).stdout);
  await queueJob(self, ['delete', ids[0] as string]);
  const { stderr } = await queueJob(self, ['import', file], 1);
  assert.equal(
    stderr,
    `queue-job: ${file}:3: there is a job '${ids[1]}' already (--replace replaces it)\n  imported before it: ${ids[0]}.\n`,
  );
  assert.deepEqual(await json(self, ['import', file, '--replace']), { jobs: ids, results: 2 });
  assert.equal((await show(self, ids[0] as string)).state, 'completed');
  onJobs(self, (db) => db.exec("UPDATE job_results SET state = 'queued'"));
  assert.match(
    (await queueJob(self, ['import', file, '--replace'], 1)).stderr,
    /has queued items \(1\): cancel it first\n {2}nothing was imported\.\n$/,
  );
  assert.equal((await queueJob(self, ['export', ids[1] as string])).stdout.split('\n').length, 3);
});

test('lines that are not right name file and line, and nothing of their job is taken in', async (t) => {
  const self = project(t);
  const source = projectWithin(self, 'source');
  const id = await create(source, '--total', '2');
  record(source, id, putItems(source, id, 2));
  const good = (await queueJob(source, ['export', id])).stdout;
  const [head, one, two] = good.split('\n') as [string, string, string];
  const cases: [string | Buffer, RegExp][] = [
    [`${head}\n${one}\n`, /:1: the job '\S+' has total 2, and its results make 1/],
    [`${one}\n`, /:1: there is a result before the first job/],
    [`${head}\n${one}\n${one}\n`, /:3: the job '\S+' has '\S+' twice/],
    [`${head}\n${one}\n${two.slice(0, 30)}`, /:3: .*JSON/],
    [`${head}\n[]\n`, /:2: it is neither/],
    [`${head}\n{"result":{}}\n`, /:2: "name" of the result must be there/],
    [`${head}\n{"result":5}\n`, /:2: "result" is not an object/],
    [head.replace('"completed"', '"lost"'), /:1: "state" of the job must be one of queued, running/],
    [head.replace(id, '../x'), /:1: "id" of the job is '\.\.\/x': only letters/],
    [head.replace('"total":2', '"total":-2'), /:1: "total" of the job must be a count/],
    [
      Buffer.concat([Buffer.from(`${head}\n`), Buffer.from([0x7b, 0xff, 0x7d, 10])]),
      /:2: it is not valid UTF-8/,
    ],
  ];
  for (const [text, message] of cases) {
    const file = join(self.dir, 'bad.jsonl');
    writeFileSync(file, text);
    const { stderr } = await queueJob(self, ['import', file], 1);
    assert.match(
      stderr,
      new RegExp(`^queue-job: .*bad\\.jsonl${message.source}.*\n {2}nothing was imported\\.\n$`),
      String(text),
    );
    assert.deepEqual(await json(self, ['list']), []);
  }
  assert.match((await queueJob(self, ['import', join(self.dir, 'none')], 1)).stderr, /ENOENT/);
  await queueJob(self, ['import', '-'], 0, { input: `\n${good}\n` });
});

test('SIGKILL in the middle of an import: the jobs are whole or not there, and it can be done again', async (t) => {
  const self = project(t);
  const source = projectWithin(self, 'source');
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    const id = await create(source, '--total', '3000');
    record(source, id, putItems(source, id, 3000));
    ids.push(id);
  }
  const file = join(self.dir, 'jobs.jsonl');
  writeFileSync(file, (await queueJob(source, ['export', '--all'])).stdout);
  startNoWorker(self);
  const known = (): number =>
    onJobs(self, (db) => db.prepare('SELECT count(*) FROM jobs').pluck().get() as number);
  for (const wanted of [1, 3]) {
    const running = background(t, self, join(DIST, 'queue-job'), ['import', file, '--replace']);
    await waitFor('jobs to come', () => known() >= wanted);
    process.kill(running.pid, 'SIGKILL');
    await running.ended;
    for (const { id, total, processed } of await json<Job[]>(self, ['list'])) {
      assert.deepEqual([total, processed], [3000, 3000], id);
      onJobs(self, (db) => accountOf(db, id));
    }
  }
  assert.deepEqual(await json(self, ['import', file, '--replace']), { jobs: ids, results: 15_000 });
  assert.equal(
    (await queueJob(self, ['export', '--all'])).stdout,
    (await queueJob(source, ['export', '--all'])).stdout,
  );
});

test('history and stats: by name and over time, those that were removed included', async (t) => {
  const self = project(t);
  startNoWorker(self);
  const hour = 3_600_000;
  const now = Date.now();
  onJobs(self, (db) => {
    const add = db.prepare('INSERT INTO job_history VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)');
    for (let i = 1; i <= 10; i++) {
      const end = now - i * hour;
      add.run(
        `a${i}`,
        'import',
        i === 1 ? 'failed' : 'completed',
        100,
        100,
        i === 1 ? 25 : 0,
        end - i * 1000,
        end - i * 1000,
        end,
      );
    }
    add.run('b', 'other', 'cancelled', 5, 0, 0, now - 100 * 24 * hour, null, now - 40 * 24 * hour);
  });
  const kept = await create(self, '--name', 'import', '--total', '0');
  const past = await json<{ id: string; seconds: number | null }[]>(self, ['history']);
  assert.deepEqual(
    past.map(({ id }) => id),
    [kept, ...Array.from({ length: 10 }, (_, i) => `a${i + 1}`)],
  );
  assert.equal(past[2]?.seconds, 2);
  assert.equal((await json<unknown[]>(self, ['history', '--days', '100', '--name', 'oth*'])).length, 1);
  assert.match(
    (await queueJob(self, ['history', '--days', '100'])).stdout,
    /^b +other +cancelled +0 +0 +\S+ \S+ +-$/m,
  );
  const stats = await json<{
    names: Record<string, unknown>[];
    periods: { items: number }[];
    periodSeconds: number;
  }>(self, ['stats', '--days', '1']);
  assert.deepEqual(stats.names, [
    {
      name: 'import',
      jobs: 11,
      completed: 10,
      failed: 1,
      cancelled: 0,
      items: 1000,
      failedItems: 25,
      failureRate: 0.025,
      perSecond: 1000 / 55,
      p50Seconds: 5,
      p90Seconds: 9,
      maxSeconds: 10,
    },
  ]);
  assert.equal(stats.periodSeconds, 3600);
  assert.equal(
    stats.periods.reduce((sum, { items }) => sum + items, 0),
    1000,
  );
  const { stdout } = await queueJob(self, ['stats', '--days', '1']);
  assert.match(
    stdout,
    /^name +jobs +failed +items +failing +items\/s +p50 +p90 +max\nimport +11 +1 +1000 +2\.5% +18 +5\.0 s +9\.0 s +10 s\n\nItems per hour\nfrom \(UTC\) +jobs +items +failed\n/,
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(stdout, /\x1b/);
});

test('list and stats on narrow terminals: no line breaks, and a plot', { skip: noTmux }, async (t) => {
  const self = project(t);
  const id = await create(self, '--name', 'an import with a long name', '--total', '1000');
  record(self, id, putItems(self, id, 300));
  onJobs(self, (db) => {
    const add = db.prepare('INSERT INTO job_history VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)');
    for (let i = 1; i <= 20; i++) {
      const end = Date.now() - i * 3_600_000;
      add.run(`a${i}`, 'import of everything', 'completed', i * 1000, i * 1000, 0, end, end - 9000, end);
    }
  });
  await inTerminal(self, {}, async (shell) => {
    for (const columns of [80, 40]) {
      shell.resize(columns, 45);
      for (const [command, wanted] of [
        ['list', /^mw|^\w{8}-\w{6} /],
        ['stats --days 1', /^Items per hour/],
      ] as const) {
        shell.keys(`clear; ${join(DIST, 'queue-job')} ${command}; echo do"ne"`, 'Enter');
        await waitFor(command, () => shell.screen().at(-2) === 'done' || shell.screen().includes('done'));
        const lines = shell.screen();
        assert.ok(
          lines.some((line) => wanted.test(line)),
          lines.join('\n'),
        );
        assert.ok(
          lines.every((line) => line.length <= columns),
          lines.join('\n'),
        );
        if (command === 'list')
          assert.match(lines.find((line) => line.startsWith(id)) as string, /running +30% +300\/1000/);
        else
          assert.ok(
            lines.some((line) => /[┤┼].*[─╭╮╯╰━┏┓┛┗]/.test(line)),
            lines.join('\n'),
          );
      }
    }
  });
});
