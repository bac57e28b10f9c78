/**
 * Starting a worker when none is there. Producers publish first and call this after: the worker looks once more
 * after it has said goodbye, so whichever of the two comes last sees the other, and no entry is stranded.
 */
import { type StdioOptions, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf } from '../errors.ts';
import { executablePath } from '../package.ts';
import { FILE_MODE, type Spool } from '../spool/layout.ts';
import { unlinkIfThere } from '../spool/publish.ts';
import { openLog } from './log.ts';
import { livingWorker } from './presence.ts';

const START_INTERVAL_S = 5;
/** Descriptors of a shell are small numbers; a large one would make a list as long. */
const MAX_INHERITED = 1024;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Starts a worker if none is alive and none was started in the last 5 s. Returns at once; never throws, for the
 * entry is in the spool already: what goes wrong stands in worker.log.
 * @param envOf the environment to start it with, which names its project and database.
 */
export function ensureWorker(spool: Spool, envOf: () => Env = () => process.env): void {
  try {
    if (livingWorker(spool) || !noteStart(spool)) return;
    spawnWorker(spool, envOf());
  } catch (error) {
    openLog(spool)('error', `the worker can't be started: ${messageOf(error)}`);
  }
}

/** Starts a detached worker: own session, no descriptor of ours, reparented as soon as we exit. */
export function spawnWorker(spool: Spool, env: Env = process.env): void {
  const nothing = openSync('/dev/null', 'r+');
  try {
    const child = spawn(process.execPath, [executablePath('queue-worker'), 'run'], {
      detached: true,
      stdio: stdioOfWorker(nothing),
      env: { ...env, QUEUE_BASE_DIR: spool.base },
    });
    child.on('error', (error) => openLog(spool)('error', `the worker can't be started: ${error.message}`));
    child.unref();
  } finally {
    closeSync(nothing);
  }
}

/**
 * Node keeps what it has inherited from its children, but only up to the first descriptor above 15 that is not in use:
 * the lock that a caller holds with `exec 200>FILE` would be the worker's too. So the others lead nowhere there.
 */
function stdioOfWorker(nothing: number): StdioOptions {
  const stdio: (number | 'ignore')[] = ['ignore', 'ignore', 'ignore'];
  if (!existsSync('/proc/self/fd')) return stdio;
  const open = readdirSync('/proc/self/fd').map(Number);
  for (const fd of open.filter((fd) => fd > 15 && fd < MAX_INHERITED)) stdio[fd] = nothing;
  return Array.from(stdio, (entry) => entry ?? 'ignore');
}

/** Asks the parent of this (supervised) worker to start another when this one is gone. */
export function requestRestart(spool: Spool): void {
  const note = restartNote(spool, process.pid);
  unlinkIfThere(note);
  writeFileSync(note, '', { mode: FILE_MODE, flag: 'wx' });
}

/** True when the worker `pid`, which is gone, asked for a successor; asks only once. */
export function takeRestartRequest(spool: Spool, pid: number): boolean {
  const note = restartNote(spool, pid);
  if (!existsSync(note)) return false;
  unlinkIfThere(note);
  return true;
}

function restartNote(spool: Spool, pid: number): string {
  return join(spool.tmp, `restart-${pid}`);
}

/** True for the name in .tmp of a note that a producer has started a worker. */
export function isStartNote(name: string): boolean {
  return /^start-\d+$/.test(name);
}

/** Takes away the notes of starts, so that the next producer that finds no worker starts one at once. */
export function clearStartNotes(spool: Spool): void {
  for (const name of readdirSync(spool.tmp)) if (isStartNote(name)) unlinkIfThere(join(spool.tmp, name));
}

/** One start in 5 s for all producers together: the name holds the time, O_EXCL lets one of them have it. */
function noteStart(spool: Spool): boolean {
  const bucket = Math.floor(Date.now() / 1000 / START_INTERVAL_S);
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    closeSync(openSync(join(spool.tmp, `start-${bucket}`), flags, FILE_MODE));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}
