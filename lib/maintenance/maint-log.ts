/** maint.log in the spool: the reports of routines that a scheduler ran, rotated to maint.log.1 when it passes 1 MB. */
import { renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkSpool, type Spool } from '../spool/layout.ts';
import { appendOwnFile } from '../spool/publish.ts';
import { LOG_ROTATE_BYTES } from '../worker/log.ts';

export function maintLog(spool: Spool): string {
  return join(spool.base, 'maint.log');
}

/**
 * Adds lines, and an empty one.
 * @throws QueueError SPOOL_UNSAFE, system errors when there is no spool or it can't be written.
 */
export function appendToMaintLog(spool: Spool, lines: readonly string[]): void {
  checkSpool(spool);
  const path = maintLog(spool);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_ROTATE_BYTES) renameSync(path, `${path}.1`);
  appendOwnFile(path, `${[...lines, ''].join('\n')}\n`);
}
