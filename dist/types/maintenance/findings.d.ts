/** What a check of an installation says: the words of queue-init --verify. */
import type { Config } from '../config.js';
import type { Spool } from '../spool/layout.js';
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
export declare function ok(detail: string): Answer;
export declare function warning(detail: string, advice: string): Answer;
export declare function fault(detail: string, advice: string): Answer;
