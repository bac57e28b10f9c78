/**
 * queue-init --verify: looks at every part of an installation and says what to do about each fault.
 *
 * `ok` needs nothing, a `warning` works but may not go on to, a `fault` keeps entries from being written or applied.
 * Files are written only in .tmp, and removed again; the database is locked for an instant and rolled back.
 */
import { type Config, loadConfig } from '../config.ts';
import { messageOf, QueueError } from '../errors.ts';
import { type Spool, spoolAt } from '../spool/layout.ts';
import type { Check, Finding } from './findings.ts';
import { fault, ok } from './findings.ts';
import { checkDatabase, checkLedger, checkWriting } from './verify-database.ts';
import {
  checkBash,
  checkDriver,
  checkExecutables,
  checkLibrary,
  checkNode,
  checkSetsid,
} from './verify-program.ts';
import { checkDirectories, checkModes, checkSpace, checkWritable, isSpoolThere } from './verify-spool.ts';
import {
  checkFailed,
  checkIdentity,
  checkJournal,
  checkLock,
  checkOrphans,
  checkPidFile,
  checkSequence,
  checkTemporaries,
  checkWaiting,
} from './verify-state.ts';

const ALWAYS: readonly (readonly [string, Check])[] = [
  ['node', checkNode],
  ['better-sqlite3', checkDriver],
  ['bash', checkBash],
  ['setsid', checkSetsid],
  ['queue-lib.sh', checkLibrary],
  ['executables', checkExecutables],
  ['directories', checkDirectories],
];

const WITH_A_SPOOL: readonly (readonly [string, Check])[] = [
  ['writable', checkWritable],
  ['space', checkSpace],
  ['file modes', checkModes],
  ['sequence', checkSequence],
  ['identity', checkIdentity],
  ['lock', checkLock],
  ['worker.pid', checkPidFile],
  ['waiting', checkWaiting],
  ['processing', checkOrphans],
  ['temporaries', checkTemporaries],
  ['journal', checkJournal],
  ['failed', checkFailed],
];

const DATABASE: readonly (readonly [string, Check])[] = [
  ['database', checkDatabase],
  ['writing', checkWriting],
  ['ledger', checkLedger],
];

/** Runs every check, in order. Never throws for what it finds. */
export function verifyInstallation(env: NodeJS.ProcessEnv = process.env): Finding[] {
  const bad: Finding[] = [];
  const config = loadConfig(env, (error) =>
    bad.push({
      what: 'configuration',
      ...fault(error.message, error.hint ?? 'Correct the variable or unset it.'),
    }),
  );
  const spool = spoolAt(config.baseDir);
  const run = (checks: typeof ALWAYS): Finding[] =>
    checks.flatMap(([what, check]) => runCheck(what, check, config, spool));
  const first = run(ALWAYS);
  // Looking into a spool that is refused would mean trusting it.
  const isUsable =
    isSpoolThere(spool) && !first.some(({ what, state }) => what === 'directories' && state === 'fault');
  return [
    ...(bad.length > 0 ? bad : [{ what: 'configuration', ...ok(`project ${config.projectRoot}`) }]),
    ...first,
    ...(isUsable ? run(WITH_A_SPOOL) : []),
    ...run(DATABASE),
  ];
}

function runCheck(what: string, check: Check, config: Config, spool: Spool): Finding[] {
  try {
    return [check(config, spool)].flat().map((answer) => ({ what, ...answer }));
  } catch (error) {
    const advice = error instanceof QueueError && error.hint ? error.hint : 'Correct what the message says.';
    return [{ what, ...fault(messageOf(error), advice) }];
  }
}
