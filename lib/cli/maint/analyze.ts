/** queue-maint analyze. */
import { EXIT } from '../../errors.ts';
import { analyzeDatabase } from '../../maintenance/database/analyze.ts';
import { countOf, printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withBar } from '../progress.ts';
import { parse, refuseArguments } from '../runner.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

export const analyze: Verb = {
  name: 'analyze',
  summary: 'gathers the statistics by which SQLite plans queries',
  help: `Usage: queue-maint analyze [--table TABLE] [--db PATH] [--json]

Reads tables and indexes to the last row and keeps their statistics, by which SQLite chooses how to run a query. A
table at a time: while one is read the worker waits, and hooks go on spooling.

  --table TABLE  only this one
  --db PATH      another database than HIVE_DB
  --json         prints {path, tables: [name], seconds}
  -h, --help

Exit codes: 0 done, 1 not possible, or there is no such table, 2 usage.

Examples:
  queue-maint analyze
  queue-maint analyze --table events
`,
  async run(args) {
    const { values, positionals } = parse(args, { ...COMMON, table: { type: 'string' } });
    refuseArguments(positionals);
    const { database, config } = whereOf(values);
    const report = await withBar('analyze', (onProgress) =>
      analyzeDatabase(database, { table: values.table, busyTimeout: config.busyTimeout, onProgress }),
    );
    if (values.json) printJson(report);
    else {
      const { tables, seconds } = report;
      printLines([
        `${countOf(tables.length, 'table')} analyzed in ${seconds.toFixed(1)} s`,
        ...tables.map((name) => `  ${printable(name)}`),
      ]);
    }
    return EXIT.ok;
  },
};
