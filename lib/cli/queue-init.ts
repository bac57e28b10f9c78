/** queue-init: creates a queue, adds the hooks to a project, checks an installation, or empties a spool. */
import { join, resolve } from 'node:path';
import { loadConfig } from '../config.ts';
import { EXIT } from '../errors.ts';
import { changeHooks, type HookEntry, type SettingsReport } from '../maintenance/hooks-settings.ts';
import { type InitReport, initialize } from '../maintenance/init.ts';
import { planReset, type ResetPlan, refuseWhileWorking, resetSpool } from '../maintenance/reset.ts';
import { verifyInstallation } from '../maintenance/verify.ts';
import { renderFindings } from '../maintenance/verify-page.ts';
import { installationPath } from '../package.ts';
import { spoolAt } from '../spool/layout.ts';
import { countOf, formatBytes, printable } from '../terminal/text.ts';
import { canAsk, confirm, printJson, printLines } from './output.ts';
import { parse, refuseArguments, runCommand, usage } from './runner.ts';

const help = `Usage: queue-init [--json]
       queue-init --hooks [--remove] [--settings FILE] [--dry-run] [--json]
       queue-init --verify [--json]
       queue-init --reset [--yes] [--json]

Creates the spool and the database file. What is there already is left as it is. A database that was there and is
gone is created anew: this is how you say that it will not come back.

  --hooks      adds this installation's hooks to the project's .claude/settings.json, which is made where it is
               missing; all else in it stays as it is. Its own entries of before are replaced: run it again after
               hookspool has moved. Not for those who have the plugin: it brings the hooks along.
  --remove     with --hooks: takes them out again, and nothing else
  --settings FILE   with --hooks: another file, such as .claude/settings.local.json or ~/.claude/settings.json
  --dry-run    with --hooks: says what would be done and does nothing
  --verify     checks every part of an installation and says what to do about each fault; changes nothing, but a
               PostgreSQL server without a ledger gets one
  --reset      empties the spool: waiting entries, dead letters, journal, counters; asks first. The database is
               not touched. Without the journal, an older backup can't be brought up to date.
               The hooks' counts of operations stay, for sessions that go on; queue-cleanup removes old ones.
  --yes        with --reset: does not ask
  --json       prints an object instead of text
  -h, --help

Keys of --json
  queue-init   {spool, createdSpool, identity, database, createdDatabase, busy}
  --hooks      {settings, change (none created changed deleted), dryRun, added, removed}; the last two are
               [{event, matcher, command, timeout}], with null for no matcher and no timeout
  --verify     {state (ok warning fault), findings: [{what, state, detail, advice}]}; advice may be null
  --reset      {removed: {pending, processing, failed, journalFiles, journalBytes} or null, identity}

Exit codes: 0 done (--verify: no fault), 1 not possible, refused or a fault was found, 2 usage.

Examples:
  queue-init
  queue-init --verify
  queue-init --hooks --dry-run
  queue-init --hooks --settings .claude/settings.local.json
  queue-init --hooks --remove
  queue-worker stop && queue-init --reset --yes
`;

void runCommand({
  name: 'queue-init',
  help,
  run(args) {
    const { values, positionals } = parse(args, {
      hooks: { type: 'boolean', default: false },
      remove: { type: 'boolean', default: false },
      settings: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      verify: { type: 'boolean', default: false },
      reset: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    if (Number(values.verify) + Number(values.reset) + Number(values.hooks) > 1)
      throw usage('--hooks, --verify and --reset exclude each other');
    for (const name of ['remove', 'settings', 'dry-run'] as const)
      if (values[name] && !values.hooks) throw usage(`--${name} is only for --hooks`);
    if (values.settings === '') throw usage('--settings is empty: it must name a file');
    if (values.yes && !values.reset) throw usage('--yes is only for --reset');
    if (values.hooks) return hooks(values.settings, values.remove, values['dry-run'], values.json);
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

function hooks(file: string | undefined, remove: boolean, dryRun: boolean, json: boolean): number {
  // Bad variables are no matter here: only the project's root is asked for.
  const path = file ?? join(loadConfig(process.env, () => {}).projectRoot, '.claude', 'settings.json');
  const report = changeHooks(resolve(path), remove ? undefined : installationPath(), dryRun);
  if (json) printJson({ ...report, dryRun });
  else printLines(describeHooks(report, dryRun));
  return EXIT.ok;
}

function describeHooks({ settings, change, added, removed }: SettingsReport, dryRun: boolean): string[] {
  const line = (sign: string, { event, matcher, command }: HookEntry): string =>
    printable(`${sign} ${[event, matcher ?? '', command].filter(Boolean).join('  ')}`);
  const verb = change === 'none' ? 'nothing to do' : dryRun ? `would be ${change}` : change;
  const lines = [`settings  ${verb}: ${printable(settings)}`];
  return [...lines, ...removed.map((entry) => line('-', entry)), ...added.map((entry) => line('+', entry))];
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
