/** queue-write: the Node half. The common call is served by the bash half (queue-write.sh) and never comes here. */

import { EXIT } from '../errors.ts';
import { openQueue } from '../producer/enqueue.ts';
import { type Fate, waitForEntry } from '../producer/wait.ts';
import { guardDirectWrites } from './guard.ts';
import { runCommand } from './runner.ts';
import { readWriteArguments } from './write-arguments.ts';

const help = `Usage: queue-write [options] SQL [OPERATION] [PRIORITY] [METADATA]

Puts SQL into the queue and returns at once. Silent on success.

  -o, --operation NAME      what the entry is called in statistics (default: write)
  -p, --priority N          1 (first) to 10 (last) (default: 5)
  -m, --metadata JSON       an object kept with the entry
      --param NAME=VALUE    binds text to :NAME
      --param-json NAME=JSON  binds a JSON value: numbers as numbers, objects as their text
      --stdin NAME          binds all of standard input to :NAME
      --sql-file FILE       takes the SQL from a file; - is standard input
      --db PATH             target database (default: $HIVE_DB, .hive-mind/hive.db)
      --schema FILE         the migrations that the database gets before
      --id KEY              applied once per key, however often it is written
      --job ID              an item of this job (queue-job create)
      --delay SECONDS       not applied before then
      --at TIME             the same, as an ISO 8601 time with a zone
      --durable             on disk (fsync) before it returns
      --wait [SECONDS]      waits until it is applied (default: 10)
      --print               prints the entry's file name
  -h, --help

Exit codes: 0 in the spool or the database, 1 in neither, 2 usage;
with --wait: 0 applied, 3 failed (the error is on stderr), 4 not yet.

Examples:
  queue-write "INSERT INTO log(text) VALUES('hello')"
  queue-write -p 2 --param user="$USER" "INSERT INTO seen(name) VALUES(:user)"
  queue-write --stdin hook "INSERT INTO log(text) VALUES(json_extract(:hook,'$.tool_name'))" <payload.json
  queue-write --wait 5 --id import-42 --sql-file import.sql
`;

void runCommand({
  name: 'queue-write',
  help,
  async run(args) {
    const { request, wait, print } = readWriteArguments(args);
    const queue = openQueue(process.env, guardDirectWrites);
    const result = queue.enqueue(request);
    if (result.warning) {
      process.stderr.write(`queue-write: ${result.warning.message}; written to the database directly\n`);
      if (result.warning.hint) process.stderr.write(`  ${result.warning.hint}\n`);
    }
    if (print && result.name) process.stdout.write(`${result.name}\n`);
    if (wait === undefined || result.name === undefined) return EXIT.ok;
    return exitCodeOf(await waitForEntry(queue.spool, result.name, wait));
  },
});

function exitCodeOf(fate: Fate): number {
  if (fate.kind === 'pending') return EXIT.notYet;
  if (fate.kind === 'applied') return EXIT.ok;
  process.stderr.write(`queue-write: ${fate.error.code}: ${fate.error.message}\n`);
  if (fate.error.hint) process.stderr.write(`  ${fate.error.hint}\n`);
  return EXIT.entryFailed;
}
