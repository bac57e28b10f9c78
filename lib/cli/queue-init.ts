/** queue-init: creates a queue, checks an installation, or empties a spool. */
import { loadConfig } from '../config.ts';
import { EXIT } from '../errors.ts';
import { type InitReport, initialize } from '../maintenance/init.ts';
import { planReset, type ResetPlan, refuseWhileWorking, resetSpool } from '../maintenance/reset.ts';
import { countOf, formatBytes, printable } from '../maintenance/text.ts';
import { verifyInstallation } from '../maintenance/verify.ts';
import { renderFindings } from '../maintenance/verify-page.ts';
import { spoolAt } from '../spool/layout.ts';
import { canAsk, confirm, printJson, printLines } from './output.ts';
import { parse, runCommand, usage } from './runner.ts';

const help = `Usage: queue-init [--json]
       queue-init --verify [--json]
       queue-init --reset [--yes] [--json]

Creates the spool and the database file. What is there already is left as it is. A database that was there and is
gone is created anew: this is how you say that it will not come back.

  --verify     checks every part of an installation and says what to do about each fault; changes nothing
  --reset      empties the spool: waiting entries, dead letters, journal, counters; asks first. The database is
               not touched. Without the journal, an older backup can't be brought up to date.
  --yes        with --reset: does not ask
  --json       prints an object instead of text
  -h, --help

Keys of --json
  queue-init   {spool, createdSpool, identity, database, createdDatabase, busy}
  --verify     {state (ok warning fault), findings: [{what, state, detail, advice}]}; advice may be null
  --reset      {removed: {pending, processing, failed, journalFiles, journalBytes} or null, identity}

Exit codes: 0 done (--verify: no fault), 1 not possible, refused or a fault was found, 2 usage.

Examples:
  queue-init
  queue-init --verify
  queue-worker stop && queue-init --reset --yes
`;

void runCommand({
  name: 'queue-init',
  help,
  run(args) {
    const { values, positionals } = parse(args, {
      verify: { type: 'boolean', default: false },
      reset: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    if (positionals.length > 0) throw usage(`there are arguments too many: ${positionals.join(' ')}`);
    if (values.verify && values.reset) throw usage('--verify and --reset exclude each other');
    if (values.yes && !values.reset) throw usage('--yes is only for --reset');
    if (values.verify) return verify(values.json);
    return values.reset ? reset(values.yes, values.json) : create(values.json);
  },
});

function create(json: boolean): number {
  const config = loadConfig();
  const report = initialize(config, spoolAt(config.baseDir));
  if (json) printJson(report);
  else printLines(describe(report));
  return EXIT.ok;
}

function describe({ spool, createdSpool, database, createdDatabase, busy }: InitReport): string[] {
  const word = (created: boolean): string => (created ? 'created' : 'there already');
  return [
    `spool     ${word(createdSpool)}: ${printable(spool)}`,
    `database  ${word(createdDatabase)}: ${printable(database)}${busy ? ' (in use by another connection)' : ''}`,
  ];
}

function verify(json: boolean): number {
  const findings = verifyInstallation();
  const has = (state: string): boolean => findings.some((finding) => finding.state === state);
  const state = has('fault') ? 'fault' : has('warning') ? 'warning' : 'ok';
  if (json) printJson({ state, findings });
  else printLines(renderFindings(findings, process.stdout));
  return state === 'fault' ? EXIT.failure : EXIT.ok;
}

async function reset(yes: boolean, json: boolean): Promise<number> {
  const spool = spoolAt(loadConfig().baseDir);
  if (!yes && !canAsk())
    throw usage('--reset asks on a terminal, and this is none', 'For scripts there is --yes.');
  const plan = planReset(spool);
  if (!plan) {
    if (json) printJson({ removed: null, identity: null });
    else printLines([`there is no spool at ${printable(spool.base)}`]);
    return EXIT.ok;
  }
  refuseWhileWorking(spool);
  const what = contents(plan);
  if (!yes && !(await confirm(`Remove ${what} from ${printable(spool.base)}?`))) {
    printLines(['nothing was removed']);
    return EXIT.failure;
  }
  const identity = resetSpool(spool);
  if (json) printJson({ removed: plan, identity });
  else printLines([`removed ${what} from ${printable(spool.base)}`]);
  return EXIT.ok;
}

function contents({ pending, processing, failed, journalFiles, journalBytes }: ResetPlan): string {
  const hand = processing > 0 ? `${countOf(processing, 'file')} in processing/, ` : '';
  const journal = `${countOf(journalFiles, 'journal file')} (${formatBytes(journalBytes)})`;
  const waiting = pending === 1 ? '1 waiting entry' : `${pending} waiting entries`;
  return `${waiting}, ${hand}${countOf(failed, 'dead letter')}, ${journal} and the counters`;
}
