/** Progress of long work: a bar on the terminal, on stderr; nothing where nobody looks. */
import { Presets, SingleBar } from 'cli-progress';
import { onInterrupt } from '../maintenance/interrupt.ts';
import { formatSeconds } from '../terminal/text.ts';

/** Told how far the work is; `total` may change. */
export type OnProgress = (done: number, total: number) => void;

/** Runs `work` under a bar with this title. */
export async function withBar<T>(
  title: string,
  work: (onProgress: OnProgress) => Promise<T> | T,
): Promise<T> {
  if (process.stderr.isTTY !== true) return work(() => {});
  const format = `${title} {bar} {percentage}%  {eta_formatted}`;
  const bar = new SingleBar(
    { format, formatTime, stream: process.stderr, clearOnComplete: true, hideCursor: true, etaBuffer: 50 },
    Presets.shades_grey,
  );
  bar.start(1, 0);
  // The cursor is hidden meanwhile.
  const takeBack = onInterrupt(() => bar.stop());
  try {
    return await work((done, total) => {
      bar.setTotal(Math.max(1, total));
      bar.update(Math.min(done, total));
    });
  } finally {
    takeBack();
    bar.stop();
  }
}

/** Before it can tell, the bar gives 'INF' or 'NULL'. */
function formatTime(seconds: number | string): string {
  return typeof seconds === 'number' ? formatSeconds(seconds) : '';
}

/** The same for work that can't tell how far it is: the bar follows the time that it should take. */
export function withClock<T>(title: string, seconds: number, work: () => Promise<T>): Promise<T> {
  return withBar(title, async (onProgress) => {
    const start = performance.now();
    const total = Math.max(1, seconds);
    const look = (): void => onProgress(Math.min((performance.now() - start) / 1000, total * 0.99), total);
    const timer = setInterval(look, 100);
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  });
}
