/**
 * How many entries to a transaction: decides the default of QUEUE_BATCH_SIZE. The worker alone, sizes interleaved.
 * The worker also ends a transaction after 50 ms, so that others get their turn at the lock.
 */
import { type Context, missingExecutable } from '../context.ts';
import { drainOnce } from '../draining.ts';
import type { Result, Row, Table } from '../model.ts';
import { median, timeColumns, timeRow } from '../stats.ts';

const DEFAULT = 500;

export async function batchSection(context: Context): Promise<Result> {
  const sizes = context.pick({
    full: [50, 100, 200, 500, 1000, 2000, 5000],
    quick: [50, 500, 5000],
    smoke: [50, 500],
  });
  const count = context.pick({ full: 20_000, quick: 3000, smoke: 20 });
  const rounds = context.pick({ full: 5, quick: 1, smoke: 1 });
  const missing = missingExecutable('queue-worker');
  const table: Omit<Table, 'rows'> = {
    title: `Entries to a transaction, ${count} entries`,
    method: 'The worker as a whole process, sizes interleaved. Ratio: time to that with the default.',
    columns: timeColumns('ms', { key: 'perSecond', label: 'entries/s' }, { key: 'peakMb', label: 'peak MB' }),
  };
  if (missing)
    return {
      tables: [{ ...table, rows: [{ name: 'queue-worker', notMeasured: missing }] }],
      targets: [],
      plots: [],
    };
  const runs = new Map(sizes.map((size) => [size, { ms: [] as number[], peakMb: [] as number[] }]));
  for (let round = 0; round < rounds; round++) {
    for (const [batch, own] of runs) {
      const { ms, peakMb } = await drainOnce(context, 'worker', { count, batch });
      own.ms.push(ms);
      if (peakMb !== null) own.peakMb.push(peakMb);
    }
  }
  const base = { name: `${DEFAULT} (default)`, values: runs.get(DEFAULT)?.ms ?? [] };
  const rows = [...runs].map(([batch, { ms, peakMb }]): Row => {
    const more = {
      perSecond: (count * 1000) / median(ms),
      peakMb: peakMb.length > 0 ? Math.max(...peakMb) : null,
    };
    return timeRow(`QUEUE_BATCH_SIZE=${batch}`, ms, base, more);
  });
  return {
    tables: [{ ...table, rows }],
    targets: [],
    plots: [
      {
        file: 'batch-size',
        title: `Entries per second by QUEUE_BATCH_SIZE (${count} entries, whole process)`,
        kind: 'line',
        unit: 'entries/s',
        categories: sizes.map(String),
        series: [
          {
            name: 'worker',
            values: rows.map((row) => (row.values?.perSecond as number | undefined) ?? null),
          },
        ],
      },
    ],
  };
}
