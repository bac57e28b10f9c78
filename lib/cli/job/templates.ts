/** queue-job templates. */
import { loadConfig } from '../../config.ts';
import { EXIT } from '../../errors.ts';
import { listTemplates, templateDirectories } from '../../jobs/templates.ts';
import { columnsOf, printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { parse, refuseArguments } from '../runner.ts';
import type { Verb } from '../verb.ts';

const help = `Usage: queue-job templates [--json]

Lists the templates: NAME.json in <spool>/templates, .hive-mind/templates and templates of the project; of the same name
the first is used. One that can't be used is shown with the reason.

  --json   as JSON: name, path, sql (its first line), error

Exit codes: 0 done; 1 a template can't be used; 2 usage.

A template is {"sql": "INSERT INTO t(a, b) VALUES(:a, :b)"} and, if wanted,
  "params"     values for parameters that a row has no field for
  "types"      {"b": "integer"}: text, integer, real, boolean or json
  "item"       the field that names the item in the results of the job
  "on_error"   "skip" passes over bad rows; default "stop"
  "operation", "priority", "db", "schema"   as queue-write has them; a relative schema is beside the template

Examples:
  queue-job templates
  queue-job templates --json | jq -r '.[].name'
`;

export const templates: Verb = {
  name: 'templates',
  summary: 'lists the templates',
  help,
  run(args) {
    const { values, positionals } = parse(args, { json: { type: 'boolean', default: false } });
    refuseArguments(positionals);
    const config = loadConfig();
    const found = listTemplates(config);
    if (values.json) printJson(found);
    else if (found.length === 0) printLines([`no templates in ${templateDirectories(config).join(', ')}`]);
    else {
      const width = Math.max(...found.map(({ name }) => columnsOf(printable(name))));
      printLines(
        found.map(({ name, sql, error }) => {
          const pad = ' '.repeat(width - columnsOf(printable(name)));
          return `${printable(name)}${pad}  ${printable(sql ?? `can't be used: ${error}`)}`;
        }),
      );
    }
    return found.some(({ error }) => error !== undefined) ? EXIT.failure : EXIT.ok;
  },
};
