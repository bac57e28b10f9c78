/** queue-maint stats. */
import { EXIT } from '../../errors.ts';
import { sizeOf } from '../../maintenance/database/pages.ts';
import { type DatabaseStats, readDatabaseStats, type TableStats } from '../../maintenance/database/stats.ts';
import { table } from '../../terminal/table.ts';
import { countOf, fit, formatBytes, formatSeconds, printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withClock } from '../progress.ts';
import { parse, refuseArguments } from '../runner.ts';
import { BYTES_PER_SECOND, percent } from './sizes.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

const NAME_COLUMNS = 48;

export const stats: Verb = {
  name: 'stats',
  summary: 'sizes, pages, rows of each table, ledger and journal',
  help: `Usage: queue-maint stats [--quick] [--db PATH] [--json]

Figures about the database and the queue's journal. Rows are counted, in a table's smallest index, and bytes summed up
over all pages: the whole database is read once, some seconds for each GB. It only reads, and holds up nobody.

  --quick      leaves out the rows and bytes of tables, and the ledger: at once at any size
  --db PATH    another database than HIVE_DB
  --json       prints an object
  -h, --help

Fragmentation is the part of the pages that are free: they hold nothing, and a vacuum would give them back.

Keys of --json: {path, size, walSize, pageSize, pages, freePages, fragmentation (freePages / pages, 0 to 1),
journalMode, autoVacuum (none full incremental), userTables, userIndexes, tables: [{name, rows, bytes, indexBytes}],
ledger: {rows, oldest (ISO 8601)}, journal: {path, files, bytes}}; sizes in bytes. tables and ledger are null with
--quick, ledger also before the first entry, bytes and indexBytes where SQLite was compiled without dbstat.

Exit codes: 0 done, 1 not possible, 2 usage.

Examples:
  queue-maint stats
  queue-maint stats --quick --json
`,
  async run(args) {
    const { values, positionals } = parse(args, { ...COMMON, quick: { type: 'boolean', default: false } });
    refuseArguments(positionals);
    const { config, spool, database } = whereOf(values);
    const { quick } = values;
    const { busyTimeout } = config;
    const read = (): Promise<DatabaseStats> => readDatabaseStats(spool, database, { quick, busyTimeout });
    const found = await (quick ? read() : withClock('reading', sizeOf(database) / BYTES_PER_SECOND, read));
    if (values.json) printJson(found);
    else printLines(page(found));
    return EXIT.ok;
  },
};

function page(found: DatabaseStats): string[] {
  const { pages, pageSize, freePages, fragmentation, ledger, journal, tables } = found;
  const field = (name: string, text: string): string => `${`${name}:`.padEnd(15)} ${text}`;
  return [
    field('Database', printable(found.path)),
    field('Size', `${formatBytes(found.size)}, WAL ${formatBytes(found.walSize)}`),
    field('Pages', `${pages} of ${pageSize} bytes, ${freePages} free`),
    field('Fragmentation', percent(fragmentation)),
    field('Journal mode', found.journalMode),
    field('Auto vacuum', found.autoVacuum),
    field(
      'Schema',
      `${countOf(found.userTables, 'table')}, ${countOf(found.userIndexes, 'index', 'indexes')}`,
    ),
    ...(tables ? [field('Ledger', ledger ? ledgerText(ledger) : 'none yet')] : []),
    field(
      'Journal',
      `${countOf(journal.files, 'file')}, ${formatBytes(journal.bytes)} in ${printable(journal.path)}`,
    ),
    ...(tables && tables.length > 0 ? ['', ...tableLines(tables)] : []),
  ];
}

function ledgerText({ rows, oldest }: NonNullable<DatabaseStats['ledger']>): string {
  if (oldest === null) return countOf(rows, 'row');
  const age = formatSeconds((Date.now() - Date.parse(oldest)) / 1000);
  return `${countOf(rows, 'row')}, the oldest ${age} ago (${oldest})`;
}

/** Largest first. */
function tableLines(tables: readonly TableStats[]): string[] {
  const bytes = (own: number | null): string => (own === null ? '-' : formatBytes(own));
  const whole = (own: TableStats): number => (own.bytes ?? 0) + (own.indexBytes ?? 0);
  const rows = [...tables]
    .sort((a, b) => whole(b) - whole(a) || b.rows - a.rows)
    .map((own) => [
      fit(printable(own.name), NAME_COLUMNS),
      String(own.rows),
      bytes(own.bytes),
      bytes(own.indexBytes),
    ]);
  return table(['Table', 'Rows', 'Size', 'Indexes'], rows, 'lrrr');
}
