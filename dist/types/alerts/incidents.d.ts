import type { AlertSettings } from '../config.js';
import type { Spool } from '../spool/layout.js';
import type { AlertState, Channel, Incident } from './state.js';
export interface Finding {
    readonly key: string;
    readonly kind: string;
    readonly subject: string;
    readonly since: string;
    readonly what: string;
    readonly advice: string;
}
export interface Look {
    readonly found: readonly Finding[];
    /** Of an incident that was not found: what to say when it is over; undefined when that is not known. */
    isOver(key: string, incident: Incident): string | undefined;
}
/** Where messages go, by the settings. */
export declare function channelsOf({ url, command }: AlertSettings): Channel[];
/**
 * Brings the incidents up to date with what was found, and puts the messages about it into the outbox.
 * @returns messages that had to go, because nothing takes them.
 */
export declare function settleIncidents(state: AlertState, look: Look, spool: Spool, settings: AlertSettings): number;
/** A clock that was set back must not silence anyone. */
export declare function isRecent(at: number | undefined, now: number, seconds: number): boolean;
