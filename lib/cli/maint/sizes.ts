/** Sizes before and after, as commands print them. */
import type { DatabasePages } from '../../maintenance/database/pages.ts';
import { table } from '../../terminal/table.ts';
import { formatBytes } from '../../terminal/text.ts';

/** What a slow disk reads, and SQLite checks, in a second. */
export const BYTES_PER_SECOND = 200e6;

export const WAL_STAYS =
  'a reader is in the way, so the WAL is not empty: queue-maint checkpoint --mode truncate, when it has gone';

/** What was, what is, and how long it took. */
export function tookLine({
  before,
  after,
  seconds,
}: {
  before: DatabasePages;
  after: DatabasePages;
  seconds: number;
}): string[] {
  const row = (name: string, pages: DatabasePages): string[] => [
    name,
    formatBytes(pages.size),
    formatBytes(pages.walSize),
    String(pages.pages),
    String(pages.freePages),
  ];
  return [
    ...table(['', 'size', 'WAL', 'pages', 'free'], [row('before', before), row('after', after)], 'lrrrr'),
    `took ${seconds.toFixed(1)} s`,
  ];
}

/** 0.123 -> '12.3 %'. */
export function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
