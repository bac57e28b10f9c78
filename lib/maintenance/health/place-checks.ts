/** The health checks of what is around queue and database: room on the disks, backups. */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isUrl } from '../../config.ts';
import { formatBytes, formatSeconds } from '../../terminal/text.ts';
import { freeBytes } from '../database/space.ts';
import { type Answer, bad, type Context, measured, skipped } from './check.ts';
import { lastGoodBackup } from './last-backup.ts';

/** Free room where there is least: on the file systems of spool and database, or of where they will be. */
export function checkDisk({ config, spool }: Context): Answer {
  const paths = [spool.base, ...(isUrl(config.database) ? [] : [dirname(config.database)])].map(nearest);
  const disks = new Map(paths.map((path) => [statSync(path).dev, path]));
  const rooms = [...disks.values()].map((path) => ({ path, free: freeBytes(path) }));
  const least = Math.min(...rooms.map(({ free }) => free));
  const detail = rooms.map(({ path, free }) => `${formatBytes(free)} free at ${path}`).join(', ');
  return measured(
    least,
    detail,
    'Free some space: queue-cleanup --archive compresses the journal, queue-maint prune removes old backups.',
  );
}

/** The path itself, or the nearest directory above it that is there. */
function nearest(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : nearest(dirname(path));
}

export function checkBackup({ database }: Context): Answer {
  if (database.state === 'remote') return skipped('not applicable: the database is a URL');
  const last = lastGoodBackup(database.path);
  if (!last) {
    if (database.state === 'missing' || database.state === 'empty')
      return skipped('there is nothing to back up yet');
    return bad(
      'warning',
      'there is no backup',
      'Run: queue-maint backup; queue-maint schedule makes it daily.',
    );
  }
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(last.createdAt)) / 1000));
  return measured(
    seconds,
    `${formatSeconds(seconds)} ago: ${basename(last.path)}`,
    'Run: queue-maint backup; queue-maint schedule makes it daily.',
  );
}
