/** queue-job: jobs, which are many entries under one name. Each command has a file of its own in job/. */
import { randomBytes } from 'node:crypto';
import { loadConfig } from '../config.ts';
import { EXIT } from '../errors.ts';
import { openJobs } from '../jobs/database.ts';
import { readJob } from '../jobs/job.ts';
import { doDutiesOnSignals } from '../maintenance/interrupt.ts';
import { spoolAt } from '../spool/layout.ts';
import { createRows, ROWS_HELP, ROWS_OPTIONS } from './job/create-rows.ts';
import { templates } from './job/templates.ts';
import { printJson, printLines } from './output.ts';
import { parse, refuseArguments, runCommand, usage } from './runner.ts';

const help = `Usage: queue-job create --template T [OPTIONS]
       queue-job templates

${ROWS_HELP}
  --json             the job, and how many rows were enqueued and skipped

Examples:
  queue-job create --template import --rows rows.csv
`;

doDutiesOnSignals();
void runCommand({
  name: 'queue-job',
  help: (args) => (args[0] === 'templates' ? templates.help : help),
  async run([verb, ...args]) {
    if (verb === 'templates') return templates.run(args);
    if (verb !== 'create') throw usage('say what to do');
    const { values, positionals } = parse(args, {
      ...ROWS_OPTIONS,
      total: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const config = loadConfig();
    const spool = spoolAt(config.baseDir);
    const db = openJobs(spool);
    const outcome = await createRows({ db, config, spool }, values, (template) => {
      const id = `job_${randomBytes(6).toString('hex')}`;
      const expected = values.total === undefined ? null : Number(values.total);
      db.prepare('INSERT INTO jobs(id, name, template, expected, created_at) VALUES (?, ?, ?, ?, ?)').run(
        id,
        '',
        template,
        expected,
        Date.now(),
      );
      return readJob(db, id);
    });
    if (values.json) printJson(outcome);
    else printLines([outcome.job.id]);
    return EXIT.ok;
  },
});
