/** Pages again and again (--watch): on a terminal in place, in a pipe one after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Render, screenFor } from './screen.ts';
import type { Paint } from './text.ts';

export interface WatchOptions {
  /** Seconds from one look to the next; a look that takes longer than that is followed by as long a rest. */
  readonly interval: number;
  readonly stream: NodeJS.WriteStream;
  readonly paint: Paint;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

export interface Page {
  readonly render: Render;
  /** Nothing will change any more. */
  readonly isLast: boolean;
}

/** Shows what `look` finds until the signal or the last page. @throws what `look` throws; the terminal is then as it was. */
export async function watchPages(look: () => Page, options: WatchOptions): Promise<void> {
  let start = performance.now();
  // Before the screen is set up: what is not there leaves no trace.
  let page = look();
  const screen = await screenFor(options.stream, options.paint);
  try {
    for (;;) {
      screen.show(page.render);
      if (page.isLast) return;
      const pause = Math.max(options.interval * 1000, performance.now() - start);
      await sleep(pause, undefined, { signal: options.signal }).catch(() => {});
      if (options.signal.aborted) return;
      start = performance.now();
      page = look();
    }
  } finally {
    screen.end();
  }
}
