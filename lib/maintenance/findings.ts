/** What a check of an installation says: the words of queue-init --verify. */
import type { Config } from '../config.ts';
import type { Spool } from '../spool/layout.ts';

export interface Finding {
  /** Which part was looked at; stable. */
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'fault';
  readonly detail: string;
  /** What to do; null when there is nothing to do. */
  readonly advice: string | null;
}

/** A check's answer; `runCheck` adds what was looked at. */
export type Answer = Omit<Finding, 'what'>;
export type Check = (config: Config, spool: Spool) => Answer | Answer[];

export function ok(detail: string): Answer {
  return { state: 'ok', detail, advice: null };
}

export function warning(detail: string, advice: string): Answer {
  return { state: 'warning', detail, advice };
}

export function fault(detail: string, advice: string): Answer {
  return { state: 'fault', detail, advice };
}
