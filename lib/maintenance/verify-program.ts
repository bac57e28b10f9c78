/** The checks of the program itself: what it runs on and whether all of its files are there. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { executablePath } from '../package.ts';
import { loadDriver } from '../sink/driver.ts';
import { type Answer, fault, ok, warning } from './findings.ts';

const MIN_NODE = 22;
const MIN_BASH = 5;
const EXECUTABLES = [
  'queue-write',
  'queue-worker',
  'queue-status',
  'queue-init',
  'queue-cleanup',
  'queue-failed',
  'queue-maint',
  'queue-job',
  'queue-sync',
  'queue-serve',
];
/** Loaded by them, not run. */
const MODULES = ['direct.cjs', 'jobs.cjs', 'worker.cjs', 'threads.cjs', 'postgres.cjs'];

export function checkNode(): Answer {
  const { node } = process.versions;
  if (Number.parseInt(node, 10) < MIN_NODE)
    return fault(`${node} is too old`, `Install Node ${MIN_NODE} or later, or name one in QUEUE_NODE.`);
  // Hooks look for Node themselves: the one that runs this may be none they find.
  const named = process.env.QUEUE_NODE;
  if (named && findProgram(named) === undefined)
    return fault(`QUEUE_NODE is '${named}', which is not there`, 'Correct QUEUE_NODE or unset it.');
  return ok(`${node} (${process.execPath})`);
}

export function checkDriver(): Answer {
  const db = new (loadDriver(':memory:'))(':memory:');
  try {
    const version = db.prepare('SELECT sqlite_version()').pluck().get();
    return ok(`SQLite ${String(version)}`);
  } finally {
    db.close();
  }
}

export function checkBash(): Answer {
  const advice =
    'Hooks work without it, but each write starts Node. Install bash 5 and put it first on PATH.';
  const found = spawnSync('bash', ['-c', 'printf %s "$BASH_VERSION"'], { encoding: 'utf8', timeout: 5000 });
  if (found.error || found.status !== 0) return warning('bash is not found', advice);
  const isNew = Number.parseInt(found.stdout, 10) >= MIN_BASH;
  return isNew ? ok(found.stdout) : warning(`bash ${found.stdout} is older than ${MIN_BASH}`, advice);
}

export function checkSetsid(): Answer {
  const path = findProgram('setsid');
  if (path !== undefined) return ok(path);
  return warning(
    'setsid is not found: the bash library starts the worker by way of Node, which takes longer',
    'Install util-linux where there is one; elsewhere nothing needs to be done.',
  );
}

export function checkLibrary(): Answer {
  const lib = join(dirname(dirname(executablePath('queue-worker'))), 'lib');
  const paths = ['queue-lib.sh', 'queue-rest.sh', 'queue-old.sh'].map((name) => join(lib, name));
  const missing = paths.find((path) => !existsSync(path));
  if (missing) return fault(`${missing} is missing`, 'Install hookspool again.');
  for (const path of paths) accessSync(path, constants.R_OK);
  return ok(paths[0] as string);
}

export function checkExecutables(): Answer[] {
  const dist = dirname(executablePath('queue-worker'));
  const missing = [...EXECUTABLES, ...MODULES].filter((name) => !existsSync(join(dist, name)));
  const closed = EXECUTABLES.filter((name) => !missing.includes(name) && !isExecutable(join(dist, name)));
  const answers = [
    ...missing.map((name) => fault(`${join(dist, name)} is missing`, 'Install hookspool again.')),
    ...closed.map((name) =>
      fault(`${join(dist, name)} is not executable`, `Run: chmod +x '${join(dist, name)}'`),
    ),
  ];
  return answers.length > 0 ? answers : [ok(dist)];
}

/** The path of a program: as it is when it has a slash, else the first on PATH that may be run. */
function findProgram(name: string): string | undefined {
  if (name.includes('/')) return isExecutable(name) ? name : undefined;
  const directories = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
