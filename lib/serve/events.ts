/**
 * Server-sent events: the report, to all who listen, when something in it has changed, at most every `intervalMs`.
 * All share one look; without a listener there is none. A listener that does not read is dropped.
 */
import { exactJson } from '../exact-json.ts';
import type { Report } from './report.ts';

export interface Listener {
  /** @returns false when it can't keep up. */
  send(text: string): boolean;
  close(): void;
}

/** A stream whose client does not read may hold so many reports. */
const MAX_UNREAD = 8;
/** What only says that time has passed is no change; a report all the same now and then shows that the stream lives. */
const REFRESH_MS = 10_000;

export class Events {
  readonly #look: () => Promise<Report>;
  readonly #intervalMs: number;
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #number = 0;
  #sentAt = 0;
  #known = '';
  #last: string | undefined;

  constructor(look: () => Promise<Report>, intervalMs: number) {
    this.#look = look;
    this.#intervalMs = intervalMs;
  }

  get count(): number {
    return this.#listeners.size;
  }

  /** @returns what ends it. */
  add(listener: Listener): () => void {
    this.#listeners.add(listener);
    listener.send(`retry: ${Math.max(1000, this.#intervalMs)}\n\n`);
    if (this.#last !== undefined && this.#timer) listener.send(this.#last);
    this.#timer ??= setInterval(() => void this.#tick(), this.#intervalMs);
    void this.#tick();
    return () => this.#remove(listener);
  }

  close(): void {
    for (const listener of [...this.#listeners]) this.#drop(listener);
  }

  async #tick(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const report = await this.#look();
      this.#send(report);
    } catch {
      // The next look may do better; the clients still have the last report, and the time it is of.
    } finally {
      this.#isLooking = false;
    }
  }

  #send(report: Report): void {
    const now = performance.now();
    const known = essenceOf(report);
    if (known === this.#known && now - this.#sentAt < REFRESH_MS) return;
    this.#known = known;
    this.#sentAt = now;
    this.#number += 1;
    this.#last = `event: status\nid: ${this.#number}\ndata: ${exactJson(report)}\n\n`;
    for (const listener of [...this.#listeners]) if (!listener.send(this.#last)) this.#drop(listener);
  }

  #drop(listener: Listener): void {
    this.#remove(listener);
    listener.close();
  }

  #remove(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#last = undefined;
    this.#known = '';
  }
}

/** All but what changes by itself. */
function essenceOf(report: Report): string {
  const { time: _time, tookMs: _tookMs, oldest, worker, ...rest } = report;
  return exactJson({ ...rest, oldest: oldest?.name, worker: worker?.pid });
}

/** Begins when it is read: the answer to HEAD never is. */
export function streamOf(events: Events): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let end: (() => void) | undefined;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        end ??= events.add({
          send(text) {
            if ((controller.desiredSize ?? 0) <= -MAX_UNREAD) return false;
            controller.enqueue(encoder.encode(text));
            return true;
          },
          close: () => controller.close(),
        });
      },
      cancel: () => end?.(),
    },
    { highWaterMark: 0 },
  );
}
