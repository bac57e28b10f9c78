/** queue-job show --watch: the page again and again until the job has ended. */
import type { Spool } from '../spool/layout.ts';
import { readPauses } from '../spool/pause.ts';
import { type WatchOptions, watchPages } from '../terminal/watch.ts';
import { hasEnded } from './job.ts';
import { renderJob } from './job-page.ts';
import { readJobDetails } from './list.ts';
import { RateMeter } from './progress.ts';

/** @throws QueueError NOT_FOUND, also when it is removed meanwhile; the terminal is then as it was. */
export async function watchJob(spool: Spool, id: string, options: WatchOptions): Promise<void> {
  const meter = new RateMeter();
  await watchPages(() => {
    const details = readJobDetails(spool, id);
    const pauses = readPauses(spool);
    const recent = meter.measure(details.job.processed, performance.now());
    return {
      render: (style) => renderJob(details, pauses, style, recent),
      isLast: hasEnded(details.job.state),
    };
  }, options);
}
