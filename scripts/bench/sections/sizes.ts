/** The sizes of what users install: dist/queue-write (read by bash at every call) and all of dist/. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, missingExecutable } from '../context.ts';
import { type Result, type Row, target } from '../model.ts';
import { DIST } from '../workspace.ts';

export async function sizesSection(_context: Context): Promise<Result> {
  const missing = missingExecutable('queue-write');
  const kb = (path: string): number | undefined =>
    statSync(path, { throwIfNoEntry: false })?.isFile() ? statSync(path).size / 1024 : undefined;
  const names = missing ? [] : readdirSync(DIST, { recursive: true, encoding: 'utf8' }).sort();
  const sizes = names.flatMap((name) => {
    const size = kb(join(DIST, name));
    return size === undefined ? [] : [{ name, size }];
  });
  const all = sizes.reduce((sum, { size }) => sum + size, 0);
  const rows: Row[] = missing
    ? [{ name: 'dist', notMeasured: missing }]
    : [...sizes.filter(({ name }) => !name.startsWith('types')), { name: 'all of dist', size: all }].map(
        ({ name, size }) => ({
          name,
          values: { kb: size },
        }),
      );
  return {
    tables: [
      { title: 'dist/', method: 'Bytes of the files, in KiB.', columns: [{ key: 'kb', label: 'KiB' }], rows },
    ],
    targets: [
      target(
        'dist/queue-write',
        sizes.find(({ name }) => name === 'queue-write')?.size,
        { below: 64, unit: 'KiB' },
        missing,
      ),
      target('all of dist', missing ? undefined : all, { below: 1536, unit: 'KiB' }, missing),
    ],
    plots: [],
  };
}
