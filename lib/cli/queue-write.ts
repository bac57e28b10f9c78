/** queue-write: the Node half. The common call is served by the bash half (queue-write.sh) and never comes here. */

import { readFileSync } from 'node:fs';
import { EXIT } from '../errors.ts';
import { executablePath } from '../package.ts';
import { openQueue } from '../producer/enqueue.ts';
import { type Fate, waitForEntry } from '../producer/wait.ts';
import { guardDirectWrites } from './guard.ts';
import { runCommand } from './runner.ts';
import { readWriteArguments } from './write-arguments.ts';

void runCommand({
  name: 'queue-write',
  // In a file of its own: this one is to stay small, for bash reads it at every call.
  help: () => readFileSync(executablePath('queue-write.txt'), 'utf8'),
  async run(args) {
    const { request, wait, print } = readWriteArguments(args);
    const queue = openQueue(process.env, guardDirectWrites);
    const result = queue.enqueue(request);
    if (result.warning) {
      process.stderr.write(`queue-write: ${result.warning.message}; written to the database directly\n`);
      if (result.warning.hint) process.stderr.write(`  ${result.warning.hint}\n`);
    }
    if (print && result.name) process.stdout.write(`${result.name}\n`);
    if (wait === undefined) return EXIT.ok;
    if (result.name === undefined) return exitCodeOf({ kind: 'applied', ...result });
    return exitCodeOf(await waitForEntry(queue.spool, result.name, wait, request.sql.startsWith('CALL ')));
  },
});

function exitCodeOf(fate: Fate): number {
  if (fate.kind === 'pending') {
    process.stderr.write('queue-write: not applied yet; it waits in the spool: queue-status\n');
    return EXIT.notYet;
  }
  if (fate.kind === 'applied') {
    if (fate.isDuplicateRow) process.stdout.write('duplicate: the row is there already\n');
    return EXIT.ok;
  }
  process.stderr.write(`queue-write: ${fate.error.code}: ${fate.error.message}\n`);
  if (fate.error.hint) process.stderr.write(`  ${fate.error.hint}\n`);
  return EXIT.entryFailed;
}
