import type { AlertSettings } from '../config.js';
import { type Message } from './message.js';
import type { Channel } from './state.js';
export interface Sent {
    readonly ok: boolean;
    /** What came back, in a few words. */
    readonly detail: string;
    /** It would fail again: the address is wrong, not the moment. */
    readonly isFinal?: boolean;
    /** What the webhook has asked for. */
    readonly retryAfterMs?: number;
}
export declare const TIMEOUT_MS = 10000;
/** @param stop ends it early. */
export declare function send(channel: Channel, message: Message, settings: AlertSettings, stop?: AbortSignal): Promise<Sent>;
