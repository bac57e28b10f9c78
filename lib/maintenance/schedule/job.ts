/** What is to be run by a scheduler, whatever its kind: the command, its environment, the times. */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import type { Config } from '../../config.ts';
import { QueueError } from '../../errors.ts';
import { executablePath } from '../../package.ts';
import type { Spool } from '../../spool/layout.ts';
import { maintLog } from '../maint-log.ts';

export interface Job {
  /** Of letters, digits and dashes; another project has another. */
  readonly id: string;
  /** For comments: the project's path. */
  readonly project: string;
  /** The program and the arguments that come before a routine's. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
}

/** The routines and when they are due, at odd minutes: on the hour everything else runs. */
export const TIMES = [
  { routine: 'hourly', minute: 17, hour: null, weekday: null },
  { routine: 'daily', minute: 23, hour: 3, weekday: null },
  { routine: 'weekly', minute: 41, hour: 4, weekday: 0 },
] as const;
export type Time = (typeof TIMES)[number];

/** The arguments of a routine for a scheduler. */
export function routineArguments({ routine }: Pick<Time, 'routine'>): string[] {
  return [routine, '--log'];
}

/** Control characters, line separators, and what stands for bytes that are no UTF-8. */
const UNFIT = /[\p{Cc}\p{Cs}\u2028\u2029\ufffd]/u;

/**
 * The job of this project, with this installation and the Node that runs this. Only what differs from the defaults of
 * the project is put into its environment.
 * @throws QueueError USAGE when a path can't be written into such a file.
 */
export function jobOf(config: Config, spool: Spool): Job {
  const { projectRoot } = config;
  const hive = join(projectRoot, '.hive-mind');
  const env = {
    CLAUDE_PROJECT_DIR: projectRoot,
    ...(spool.base === join(hive, 'queue') ? {} : { QUEUE_BASE_DIR: spool.base }),
    ...(config.database === join(hive, 'hive.db') ? {} : { HIVE_DB: config.database }),
    ...(config.thresholds === '' ? {} : { QUEUE_THRESHOLDS: config.thresholds }),
  };
  const command = [process.execPath, executablePath('queue-maint')];
  for (const text of [...command, ...Object.values(env)]) {
    if (!UNFIT.test(text)) continue;
    throw new QueueError('USAGE', `${JSON.stringify(text)} can't be written into a schedule`, {
      hint: 'Paths with line breaks, other control characters or bytes that are not UTF-8 are refused.',
    });
  }
  return { id: idOf(spool.base, projectRoot), project: projectRoot, command, env, log: maintLog(spool) };
}

function idOf(base: string, root: string): string {
  const words =
    basename(root)
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? [];
  const name = words.join('-').slice(0, 20).replace(/-$/, '');
  const digest = createHash('sha256').update(base).digest('hex').slice(0, 8);
  return ['hookspool', name, digest].filter((part) => part !== '').join('-');
}

/** One word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w/.:=@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
