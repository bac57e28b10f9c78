/**
 * A node:test reporter for scripts/test: one line per test file, `<failed> <ran> <skipped> <file>`.
 *
 * node:test passes a file that holds no test (a forgotten import, an early exit) as one test that is named like the
 * file; here it shows as a file in which nothing ran.
 */
import { relative, resolve } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

interface Counts {
  failed: number;
  ran: number;
  skipped: number;
}

export default async function* testFiles(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, Counts>();
  for await (const event of events) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { file, name, skip, details } = event.data;
    if (file === undefined || details.type === 'suite') continue;
    const counts = files.get(file) ?? { failed: 0, ran: 0, skipped: 0 };
    files.set(file, counts);
    if (event.type === 'test:fail') counts.failed += 1;
    else if (skip !== undefined && skip !== false) counts.skipped += 1;
    else if (resolve(name) !== file) counts.ran += 1;
  }
  for (const [file, { failed, ran, skipped }] of files) {
    yield `${failed} ${ran} ${skipped} ${relative('', file)}\n`;
  }
}
