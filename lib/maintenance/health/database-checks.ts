/** The health checks of the database file: sound, not too large, not full of free pages. */

import { codeOf, messageOf } from '../../errors.ts';
import { readStats } from '../../spool/stats.ts';
import { formatBytes } from '../../terminal/text.ts';
import { checkIntegrity, problemsIn } from '../database/integrity.ts';
import { numberOf } from '../database/pages.ts';
import type { Row } from '../database/sql-thread.ts';
import { type Answer, bad, type Check, type Context, measured, ok, skipped } from './check.ts';
import { accessTo, countPages, type PageCounts, withQuiet } from './quiet-database.ts';

/** Half a second of quick_check, and twice its size in memory; larger ones are for --full. */
const QUICK_BYTES = 128 * 1024 * 1024;
const PROBLEMS = 10;
/** Free pages that a small database has anyway, whatever their share. */
const FEW_BYTES = 1024 * 1024;

const RESTORE = 'Keep the file; run: queue-maint list, then queue-maint restore';

/** Runs a check only where there is a database that can be read. */
function inDatabase(check: Check): Check {
  return (context) => {
    const { state } = context.database;
    if (state === 'remote') return skipped('not applicable: the database is a URL');
    if (state === 'missing') return skipped('there is no database file');
    if (state === 'busy') return skipped('not looked at: the database is locked');
    return state === 'faulty' ? skipped('not looked at: see integrity') : check(context);
  };
}

export async function checkSoundness(context: Context): Promise<Answer> {
  const { database, status, spool, full } = context;
  const { path, state } = database;
  if (state === 'remote') return skipped('not applicable: the database is a URL');
  if (state === 'missing') return missing(path, status ? readStats(spool).databases.includes(path) : false);
  if (state === 'empty') return ok('empty: nothing was applied yet');
  if (state === 'busy') return locked(database.message ?? 'it is locked');
  if (state === 'faulty') return faulty(database.message ?? "it can't be read");
  const size = database.size ?? 0;
  const access = accessTo(database);
  if (!full && size > QUICK_BYTES) {
    return ok(
      `not checked: it has ${formatBytes(size)}, more than an hourly check may read; --full checks it`,
    );
  }
  if (access === 'unrecovered') {
    return ok('not checked: a -wal is left of a crash or a copy, which the next write takes in');
  }
  try {
    const problems =
      size <= QUICK_BYTES
        ? withQuiet(database, access, (db) =>
            problemsIn(db.pragma(`${pragmaOf(full)}(${PROBLEMS})`) as Row[]),
          )
        : await checkIntegrity(path, { quick: !full });
    if (problems.length === 0) return ok(`sound (${pragmaOf(full)})`);
    const [first = ''] = problems;
    return bad('critical', `not sound: ${first}${problems.length > 1 ? ', and more' : ''}`, RESTORE);
  } catch (error) {
    return unreadable(error);
  }
}

function pragmaOf(full: boolean): string {
  return full ? 'integrity_check' : 'quick_check';
}

function missing(path: string, wasThere: boolean): Answer {
  if (!wasThere) return ok('not there yet: the first batch makes it');
  return bad(
    'critical',
    `${path} was there and is missing; entries wait`,
    'Put it back, restore a backup (queue-maint restore), or start a new one (queue-init).',
  );
}

function locked(message: string): Answer {
  return bad(
    'warning',
    `not checked: ${message}`,
    'Nothing is lost: the queue goes on when the lock is gone. Find who holds it if that does not end.',
  );
}

function faulty(message: string): Answer {
  const isClosed = /^E(ACCES|PERM)\b/.test(message);
  return bad('critical', message, isClosed ? 'Give this user permission to read and write it.' : RESTORE);
}

function unreadable(error: unknown): Answer {
  const code = String((error as { reason?: string }).reason ?? codeOf(error) ?? '');
  const message = messageOf(error);
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return locked(message);
  // A rollback journal of a crash: only a connection that writes can roll it back.
  if (code.startsWith('SQLITE_READONLY'))
    return bad('warning', message, 'The next write mends it: queue-init');
  return bad('critical', message, RESTORE);
}

export const checkSize = inDatabase(({ database }) =>
  measured(
    database.size ?? 0,
    database.path,
    'Delete old rows, then queue-maint vacuum; queue-maint stats shows what takes the room.',
  ),
);

export const checkWal = inDatabase(({ database }) =>
  measured(
    database.walSize,
    database.walSize === 0 ? 'none' : 'waiting to be written back',
    'Run: queue-maint checkpoint. If it stays, a reader that never ends keeps it: find it and end it.',
  ),
);

export const checkFragmentation = inDatabase(({ database }) => {
  if (database.state === 'empty') return measured(0, 'no pages yet', '');
  let counted: PageCounts;
  try {
    counted = pagesOf(database);
  } catch (error) {
    // What is the matter with the database is for `integrity` to say.
    return skipped(`not looked at: ${messageOf(error)}`);
  }
  const { pages, free, pageSize } = counted;
  const bytes = free * pageSize;
  const detail = `${free} of ${pages} pages are free (${formatBytes(bytes)})`;
  const percent = Math.round((1000 * free) / Math.max(1, pages)) / 10;
  if (bytes < FEW_BYTES) return { ...ok(detail), value: percent };
  return measured(percent, detail, 'Run: queue-maint vacuum');
});

function pagesOf(database: Context['database']): PageCounts {
  if (accessTo(database) !== 'sqlite') return countPages(database.path);
  return withQuiet(database, 'sqlite', (db) => ({
    pages: numberOf(db, 'page_count'),
    free: numberOf(db, 'freelist_count'),
    pageSize: numberOf(db, 'page_size'),
  }));
}
