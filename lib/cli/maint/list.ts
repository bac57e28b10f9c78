/** queue-maint list. */
import { basename } from 'node:path';
import { EXIT } from '../../errors.ts';
import { type Backup, listBackups } from '../../maintenance/backups/shelf.ts';
import { table } from '../../terminal/table.ts';
import { formatBytes, printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { parse, refuseArguments } from '../runner.ts';
import { directoryOf } from './arguments.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

export const list: Verb = {
  name: 'list',
  summary: 'shows the backups there are',
  help: `Usage: queue-maint list [--dir D] [--db PATH] [--json]

Newest first: file, size, when it was made (UTC), when it was verified and with what result, and where the journal was.

  --dir D      default: the directory backups beside the database
  --db PATH    another database than HIVE_DB
  --json       prints [{path, name, bytes, createdAt, verified: {at, ok, problems} or null, position}]
  -h, --help

Exit codes: 0 done, 2 usage.

Examples:
  queue-maint list
  queue-maint list --json | jq -r '.[0].path'
`,
  run(args) {
    const { values, positionals } = parse(args, { ...COMMON, dir: { type: 'string' } });
    refuseArguments(positionals);
    const directory = directoryOf(values.dir, whereOf(values).database);
    const backups = listBackups(directory);
    if (values.json) printJson(backups.map(report));
    else if (backups.length === 0) printLines([`there are no backups in ${printable(directory)}`]);
    else {
      printLines([
        `in ${printable(directory)}`,
        ...table(['file', 'size', 'made', 'verified', 'journal'], backups.map(row), 'lrlll'),
      ]);
    }
    return EXIT.ok;
  },
};

function report({ path, name, bytes, time, label }: Backup) {
  return {
    path,
    name,
    bytes,
    createdAt: label?.createdAt ?? new Date(time).toISOString(),
    verified: label?.verified ?? null,
    position: label?.position ?? null,
  };
}

function row({ path, bytes, time, label }: Backup): string[] {
  const verified = label?.verified;
  return [
    printable(basename(path)),
    formatBytes(bytes),
    minute(new Date(time).toISOString()),
    verified ? `${verified.ok ? 'good' : 'BAD'} ${minute(verified.at)}` : 'never',
    label?.position ?? 'unknown',
  ];
}

/** 2026-01-31T18:00:12.345Z -> 2026-01-31 18:00 */
function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}
