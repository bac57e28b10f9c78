/** The part of queue-job create that is about templates and rows. */
import { closeSync, constants, fstatSync, type Stats } from 'node:fs';
import { basename } from 'node:path';
import type { Config } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { openJobs } from '../../jobs/database.ts';
import { enqueueRows, enqueueTemplate } from '../../jobs/enqueue-rows.ts';
import { type Job, readJob } from '../../jobs/job.ts';
import { inJobs } from '../../jobs/publish-items.ts';
import { openBookmark, removeBookmark } from '../../jobs/row-bookmark.ts';
import { FORMATS, type Format, openRows, type RowFile } from '../../jobs/row-files.ts';
import type { BadRow } from '../../jobs/rows.ts';
import { seal } from '../../jobs/seal.ts';
import { loadTemplate, type Template } from '../../jobs/templates.ts';
import { onInterrupt } from '../../maintenance/interrupt.ts';
import type { Db } from '../../sink/driver.ts';
import type { Spool } from '../../spool/layout.ts';
import { openOwnFile, writeAll } from '../../spool/publish.ts';
import { countOf, printable } from '../../terminal/text.ts';
import { withBar } from '../progress.ts';
import { usage } from '../runner.ts';

export const ROWS_OPTIONS = {
  template: { type: 'string' },
  rows: { type: 'string' },
  format: { type: 'string' },
  job: { type: 'string' },
  'from-line': { type: 'string' },
  'skip-bad': { type: 'boolean', default: false },
  bad: { type: 'string' },
  open: { type: 'boolean', default: false },
} as const;

export const ROWS_HELP = `  --template T       the write that the items are: T.json in <spool>/templates, .hive-mind/templates or
                     templates of the project, or a path; without --rows it is enqueued once
  --rows FILE        one item for each row of FILE, - for standard input: JSON lines, CSV or TSV
  --format F         jsonl, csv or tsv, where the name of the file does not tell
  --skip-bad         pass over bad rows, and tell of them on stderr; else the first one stops
  --bad FILE         the same, and append them to FILE, to be corrected
  --open             leave the job open for more items
  --job ID           go on with an open job, where its rows have stopped, or with more rows
  --from-line N      go on there`;

export interface RowsArguments {
  readonly template?: string | undefined;
  readonly rows?: string | undefined;
  readonly format?: string | undefined;
  readonly job?: string | undefined;
  readonly 'from-line'?: string | undefined;
  readonly 'skip-bad'?: boolean | undefined;
  readonly bad?: string | undefined;
  readonly open?: boolean | undefined;
}

export interface RowsOutcome {
  readonly job: Job;
  readonly enqueued: number;
  readonly skipped: number;
}

const SHOWN = 200;

/** True when an option of ROWS_OPTIONS is given. */
export function hasRows(values: RowsArguments): boolean {
  return Object.keys(ROWS_OPTIONS).some((name) => (values[name as keyof RowsArguments] ?? false) !== false);
}

/**
 * Enqueues a template, once or for each row.
 * @param create makes the job, which has this template and, if it is given none, this name; not called with --job.
 * @throws QueueError; RowsStopped when it stops in the middle.
 */
export async function createRows(
  { config, spool }: { config: Config; spool: Spool },
  values: RowsArguments,
  create: (template: string, name: string) => Job,
): Promise<RowsOutcome> {
  const db = openJobs(spool);
  const where = { db, config, spool };
  checkTogether(values);
  const old = values.job === undefined ? undefined : readJob(db, values.job);
  const name = values.template ?? old?.template ?? undefined;
  if (name === undefined) throw usage(`the job '${old?.id}' has no template`, 'Give it with --template.');
  const template = loadTemplate(config, name);
  let id = old?.id;
  const job = (): string => {
    id ??= create(values.template?.includes('/') ? template.path : name, basename(name, '.json')).id;
    return id;
  };
  let report = { enqueued: 0, skipped: 0 };
  if (values.rows !== undefined) {
    report = await fromFile(where, values, template, values.rows, old, job, () => id);
  } else if (values.open) job();
  else {
    enqueueTemplate(db, config, spool, { template, job });
    report = { enqueued: 1, skipped: 0 };
  }
  const made = id as string;
  const { enqueued, skipped } = report;
  if (!values.open) return { job: seal(spool, made), enqueued, skipped };
  inJobs(db, () => removeBookmark(db, made));
  return { job: readJob(db, made), enqueued, skipped };
}

async function fromFile(
  { db, config, spool }: { db: Db; config: Config; spool: Spool },
  values: RowsArguments,
  template: Template,
  path: string,
  old: Job | undefined,
  job: () => string,
  known: () => string | undefined,
): Promise<{ enqueued: number; skipped: number }> {
  const file = openRows(path, formatOf(values.format));
  const fromLine = startLine(db, spool, values, file, old);
  const skips = values['skip-bad'] || values.bad !== undefined || template.onError === 'skip';
  const bad = skips ? badRows(values.bad, file) : undefined;
  const takeBack = onInterrupt(() => {
    const id = known();
    if (id === undefined) return;
    process.stderr.write(`\nqueue-job: the job ${id} is left open; go on with --job ${id}, or cancel it\n`);
  });
  try {
    const report = await withBar('enqueueing', (onProgress) =>
      enqueueRows(db, config, spool, {
        template,
        file,
        fromLine,
        job,
        known: old?.id,
        onBad: bad?.take,
        ...(file.size === undefined ? {} : { onProgress: (done) => onProgress(done, file.size as number) }),
      }),
    );
    // Going on behind the last row is no mistake: it was killed just there.
    if (report.job === undefined && old === undefined) {
      const skipped = report.skipped > 0 ? `: ${countOf(report.skipped, 'bad row')}` : '';
      throw usage(`there are no rows in ${file.name}${skipped}`, 'No job was made.');
    }
    return report;
  } finally {
    takeBack();
    bad?.close();
  }
}

function checkTogether(values: RowsArguments): void {
  if (values.template === undefined && values.job === undefined) throw usage('--rows needs --template');
  if (values.rows === undefined) {
    for (const name of ['format', 'from-line', 'bad', 'job'] as const) {
      if (values[name] !== undefined) throw usage(`--${name} needs --rows`);
    }
    if (values['skip-bad']) throw usage('--skip-bad needs --rows');
  } else if (values.rows === '') throw usage('--rows is empty');
  if (values['from-line'] !== undefined && values.job === undefined) {
    throw usage('--from-line needs --job, the job to go on with');
  }
}

function formatOf(text: string | undefined): Format | undefined {
  if (text === undefined || (FORMATS as readonly string[]).includes(text)) return text as Format | undefined;
  throw usage(`--format is '${text}': it must be one of ${FORMATS.join(', ')}`);
}

/** Where the bookmark of the job lies, or --from-line. */
function startLine(db: Db, spool: Spool, values: RowsArguments, file: RowFile, old: Job | undefined): number {
  const given = values['from-line'];
  if (given !== undefined && !/^[1-9]\d{0,14}$/.test(given)) {
    throw usage(`--from-line is '${given}': it must be the number of a line, from 1`);
  }
  if (!old) return 1;
  return openBookmark(db, spool, old.id, file.path, given === undefined ? undefined : Number(given));
}

/** Tells of bad rows on stderr; with a file they go there, as they are, and can be enqueued from it when corrected. */
function badRows(path: string | undefined, file: RowFile): { take(row: BadRow): void; close(): void } {
  const out = path === undefined ? undefined : openBad(path, file);
  return {
    take({ line, problem, raw }) {
      const text = out === undefined ? `: ${excerptOf(raw.fields)}` : '';
      process.stderr.write(`queue-job: ${file.name} line ${line} ${problem}${text}\n`);
      if (out !== undefined && raw.fields.length > 0) writeAll(out, lineOf(file, raw.fields));
    },
    close() {
      if (out !== undefined) closeSync(out);
    },
  };
}

function openBad(path: string, file: RowFile): number {
  let fd: number;
  try {
    fd = openOwnFile(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND);
  } catch (error) {
    throw usage(`--bad is '${path}', which can't be written: ${messageOf(error)}`);
  }
  const isSame = ({ dev, ino }: Stats): boolean => dev === file.stat.dev && ino === file.stat.ino;
  if (!isSame(fstatSync(fd))) return fd;
  closeSync(fd);
  throw usage(`--bad is '${path}', the file of the rows itself`);
}

function lineOf({ format }: RowFile, fields: readonly Buffer[]): Buffer {
  if (format === 'jsonl') return Buffer.concat([...fields, Buffer.from('\n')]);
  const delimiter = Buffer.from(format === 'csv' ? ',' : '\t');
  const parts = fields.flatMap((field, at) => (at === 0 ? [quoted(field)] : [delimiter, quoted(field)]));
  return Buffer.concat([...parts, Buffer.from('\n')]);
}

/** latin1 has a character for every byte. */
function quoted(field: Buffer): Buffer {
  const text = field.toString('latin1');
  return /[",\t\r\n]/.test(text) ? Buffer.from(`"${text.replaceAll('"', '""')}"`, 'latin1') : field;
}

function excerptOf(fields: readonly Buffer[]): string {
  const text = fields.map((field) => field.subarray(0, SHOWN).toString()).join(',');
  return printable(text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text);
}
