/** --watch: its options, and its end by Ctrl-C. */
import { paintFor } from '../terminal/text.ts';
import type { WatchOptions } from '../terminal/watch.ts';
import { numberOption, usage } from './runner.ts';

export const WATCH_OPTIONS = {
  watch: { type: 'boolean', default: false },
  interval: { type: 'string' },
} as const;

/** How to watch; undefined without --watch. @throws QueueError USAGE. */
export function watchOptions(values: {
  readonly json: boolean;
  readonly watch: boolean;
  readonly interval?: string;
}): WatchOptions | undefined {
  if (values.json && values.watch) throw usage('--json and --watch exclude each other');
  if (values.interval !== undefined && !values.watch) throw usage('--interval is only for --watch');
  const interval = numberOption('--interval', values.interval ?? '1', { min: 0.1, max: 3600 });
  if (!values.watch) return undefined;
  const { stdout } = process;
  return { interval, stream: stdout, paint: paintFor(stdout), signal: untilInterrupted() };
}

/** Aborted by Ctrl-C and SIGTERM, which are how a watch is meant to end. */
function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => controller.abort());
  return controller.signal;
}
