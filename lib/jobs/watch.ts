/** queue-job show --watch: the page again and again until the job has ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Spool } from '../spool/layout.ts';
import { type Pauses, readPauses } from '../spool/pause.ts';
import { screenFor } from '../terminal/screen.ts';
import type { Paint } from '../terminal/text.ts';
import { hasEnded } from './job.ts';
import { renderJob } from './job-page.ts';
import { type JobDetails, readJobDetails } from './list.ts';
import { RateMeter } from './progress.ts';

export interface WatchJobOptions {
  /** Seconds from one look to the next. */
  readonly interval: number;
  readonly stream: NodeJS.WriteStream;
  readonly paint: Paint;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** @throws QueueError NOT_FOUND, also when it is removed meanwhile; the terminal is then as it was. */
export async function watchJob(spool: Spool, id: string, options: WatchJobOptions): Promise<void> {
  const look = (): [JobDetails, Pauses] => [readJobDetails(spool, id), readPauses(spool)];
  // Before the screen is set up: an id that is not there leaves no trace.
  let [details, pauses] = look();
  const screen = await screenFor(options.stream, options.paint);
  const meter = new RateMeter();
  try {
    for (;;) {
      const start = performance.now();
      const recent = meter.measure(details.job.processed, start);
      const page = { details, pauses };
      screen.show((style) => renderJob(page.details, page.pauses, style, recent));
      if (hasEnded(details.job.state)) return;
      const pause = Math.max(options.interval * 1000, performance.now() - start);
      await sleep(pause, undefined, { signal: options.signal }).catch(() => {});
      if (options.signal.aborted) return;
      [details, pauses] = look();
    }
  } finally {
    screen.end();
  }
}
