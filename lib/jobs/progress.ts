/** How far a job is, and how fast. */
import { hasEnded, type Job, queuedOf } from './job.ts';

export interface Progress {
  /** Items that are decided: applied, failed or withdrawn. */
  readonly decided: number;
  /** How many there will be, as far as anyone knows. */
  readonly total: number;
  /** More than `total` may come. */
  readonly isOpen: boolean;
  /** 0 to 1; null when there are no items yet. */
  readonly share: number | null;
  /** Items a second; null when nothing was applied yet. */
  readonly perSecond: number | null;
  /** null when it can't be told. */
  readonly secondsLeft: number | null;
  /** Since its first item, or from that to its end; null when nothing was applied yet. */
  readonly seconds: number | null;
}

/** @param recent items a second lately, when that is known better than by the mean. */
export function progressOf(job: Job, recent?: number, now = Date.now()): Progress {
  const decided = job.total - queuedOf(job);
  const total = Math.max(job.total, job.expected ?? 0);
  const isOpen = !job.isSealed && job.expected === null && !hasEnded(job.state);
  const end = job.completedAt === null ? now : Date.parse(job.completedAt);
  const seconds = job.startedAt === null ? null : Math.max(0, end - Date.parse(job.startedAt)) / 1000;
  const mean = seconds === null || seconds === 0 || job.processed === 0 ? null : job.processed / seconds;
  const perSecond = hasEnded(job.state) ? mean : (recent ?? mean);
  const left = total - decided;
  const canTell = perSecond !== null && perSecond > 0 && !isOpen && !hasEnded(job.state);
  return {
    decided,
    total,
    isOpen,
    share: total === 0 ? null : decided / total,
    perSecond,
    secondsLeft: canTell ? left / perSecond : null,
    seconds,
  };
}

const WINDOW_MS = 5000;

/** Items a second over the last seconds. */
export class RateMeter {
  readonly #samples: { at: number; processed: number }[] = [];

  /**
   * @param now milliseconds of a clock that never goes back.
   * @returns undefined until two looks are far enough apart.
   */
  measure(processed: number, now: number): number | undefined {
    // Less than before: items are tried again.
    if (processed < (this.#samples.at(-1)?.processed ?? 0)) this.#samples.length = 0;
    this.#samples.push({ at: now, processed });
    while (this.#samples.length > 2 && now - (this.#samples[1]?.at as number) > WINDOW_MS)
      this.#samples.shift();
    const first = this.#samples[0] as { at: number; processed: number };
    return now - first.at < 200 ? undefined : ((processed - first.processed) / (now - first.at)) * 1000;
  }
}
