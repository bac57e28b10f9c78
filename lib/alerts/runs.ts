/**
 * How a worker knows that others before it have died: each leaves a note of its run in .tmp, and takes it away when it
 * leaves in good order. A note whose process is gone is a death. Notes are litter after ten minutes, like everything in
 * .tmp, so a worker that lived longer than that is none of a crash loop's. They exist only where someone is to be told.
 */
import { lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../processes.ts';
import { FILE_MODE, type Spool } from '../spool/layout.ts';
import { forEachName } from '../spool/listing.ts';
import { removeLitter } from '../spool/publish.ts';

const FRESH_MS = 10 * 60 * 1000;

/** To be called first of all; a spool that can't be written has other troubles. */
export function noteRun(spool: Spool): void {
  try {
    forgetRun(spool);
    writeFileSync(noteOf(spool), '', { mode: FILE_MODE, flag: 'wx' });
  } catch {}
}

/** This process leaves, or is killed, in good order. */
export function forgetRun(spool: Spool): void {
  removeLitter(noteOf(spool));
}

/** When the workers started that have died since, in the last ten minutes; epoch milliseconds, oldest first. */
export function deaths(spool: Spool): number[] {
  const starts: number[] = [];
  forEachName(spool.tmp, (name) => {
    const pid = /^run-(\d{1,10})$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) return;
    const at = lstatSync(join(spool.tmp, name), { throwIfNoEntry: false })?.mtimeMs;
    if (at !== undefined && Math.abs(Date.now() - at) < FRESH_MS) starts.push(at);
  });
  return starts.sort((a, b) => a - b);
}

function noteOf(spool: Spool): string {
  return join(spool.tmp, `run-${process.pid}`);
}
