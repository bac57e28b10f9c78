/** The health checks of the spool: worker, waiting and failed entries, orphans, clock. */

import { listing } from '../../spool/listing.ts';
import { MANIFEST_FILE } from '../../spool/manifest.ts';
import { oldestDue } from '../../spool/oldest.ts';
import { floorOf, MAX_LEAD_US, nowMicros } from '../../spool/sequence.ts';
import { countOf, formatSeconds } from '../../terminal/text.ts';
import type { StatusReport } from '../status.ts';
import { type Answer, bad, type Check, type Context, measured, ok, skipped } from './check.ts';

export function checkSpoolItself({ status, fault, spool }: Context): Answer {
  if (!status) return bad('critical', fault?.message ?? '', fault?.advice ?? '');
  if (status.state === 'absent') return ok('not there yet: the first write makes it');
  return ok(spool.base);
}

/** Runs a check only where there is a spool that may be looked into. */
function inSpool(check: (context: Context, status: StatusReport) => Answer): Check {
  return (context) => {
    const { status } = context;
    if (!status) return skipped("not looked at: the spool is refused or can't be read");
    return status.state === 'absent' ? skipped('there is no spool yet') : check(context, status);
  };
}

export const checkWorker = inSpool((_context, { state, message }) => {
  if (state === 'stalled') return bad('critical', message, 'Run: queue-worker start');
  if (state === 'silent') return bad('critical', message, 'Run: queue-worker restart');
  if (state === 'waiting') {
    return bad(
      'warning',
      `it waits ${message}`,
      'Mend the database: the queue goes on by itself within a second.',
    );
  }
  return ok(`${state}: ${message}`);
});

export const checkOldest = inSpool(({ spool, limits }, { oldest }) => {
  const advice = 'See what keeps it: queue-status, then worker.log (queue-worker logs)';
  const none = (): Answer => measured(0, 'nothing has been waiting for long', advice);
  // The oldest of all is not that old: which of them were told to wait makes no difference.
  if (oldest === null || limits === null || oldest.ageSeconds < limits.warning) {
    return oldest === null
      ? measured(0, 'nothing is waiting', advice)
      : measured(oldest.ageSeconds, oldest.name, advice);
  }
  const due = oldestDue(spool, limits.warning);
  if (due === undefined) return none();
  if (due === 'delayed') return skipped('not known: the oldest thousand are all waiting for their time');
  return measured(Math.round(due.seconds * 10) / 10, due.name, advice);
});

export const checkOrphans = inSpool(({ spool }) => {
  const count = listing(spool.processing).filter((name) => name !== MANIFEST_FILE).length;
  return measured(count, 'files in processing/ that no worker has in hand', 'Run: queue-cleanup --recover');
});

export const checkFailed = inSpool((_context, { depths }) =>
  measured(
    depths.failed,
    countOf(depths.failed, 'dead letter'),
    'Run: queue-failed list, then queue-failed retry or discard',
  ),
);

export const checkClock = inSpool(({ spool }) => {
  const floor = floorOf(spool);
  const lead = floor === undefined ? 0 : (floor - nowMicros()) / 1e6;
  if (lead * 1e6 > MAX_LEAD_US) {
    return bad(
      'warning',
      `the sequence floor is ${formatSeconds(lead)} ahead of the clock`,
      'A wrong clock wrote it: check the clock. The next write drops the floor.',
    );
  }
  const seconds = Math.max(0, Math.round(lead * 10) / 10);
  const detail =
    seconds === 0
      ? 'not behind the last sequence number'
      : 'behind the last sequence number: it was set back';
  return measured(
    seconds,
    detail,
    'Check the clock. The order is kept; hooks are slower until it has caught up.',
  );
});
