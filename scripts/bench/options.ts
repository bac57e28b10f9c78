/** The command line of the benchmark. */
import { parseArgs } from 'node:util';

export const SECTIONS = [
  'hook',
  'contention',
  'drain',
  'batch',
  'latency',
  'scale',
  'durability',
  'maintenance',
  'serve',
  'sizes',
] as const;
export type SectionName = (typeof SECTIONS)[number];

export interface Options {
  /** full: a few minutes; quick: one or two; smoke: whether it runs at all, figures mean nothing. */
  readonly effort: 'full' | 'quick' | 'smoke';
  /** Also with 1,000,000 entries. */
  readonly large: boolean;
  readonly only: readonly SectionName[];
  readonly json: string | undefined;
  readonly plots: string | undefined;
  /** Install the peers when they are missing. */
  readonly install: boolean;
}

export const HELP = `Usage: npm run bench -- [options]

Measures what a hook pays and how fast the worker drains, beside what people use instead.

  --quick           a minute or two: fewer repetitions, smaller sizes
  --smoke           seconds: only shows that every section runs; its figures mean nothing
  --large           also 1,000,000 entries (needs 16 GB and 2 million inodes free, and ten minutes more)
  --only LIST       sections, separated by commas: ${SECTIONS.join(', ')}
  --json FILE       writes all results as JSON
  --plots DIR       writes SVG plots
  --no-install      does not install the peers (scripts/bench/package.json) when they are missing
  -h, --help

It works in $TMPDIR (default /tmp): put that on the kind of disk you want to know about. Figures from a machine that
is busy with something else are noise; the load is printed with them.

Examples:
  npm run bench -- --quick
  npm run bench -- --only hook,latency --json out.json
  npm run bench -- --large --plots scripts/bench/results --json bench.json
`;

/** @throws Error with a message for the user. */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      large: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'string' },
      plots: { type: 'string' },
      'no-install': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    effort: values.smoke ? 'smoke' : values.quick ? 'quick' : 'full',
    large: values.large,
    only: readOnly(values.only),
    json: values.json,
    plots: values.plots,
    install: !values['no-install'],
  };
}

function readOnly(text: string | undefined): SectionName[] {
  if (text === undefined) return [...SECTIONS];
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(SECTIONS as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new Error(`no section '${unknown.join("', '")}': there are ${SECTIONS.join(', ')}`);
  return SECTIONS.filter((name) => names.includes(name));
}
