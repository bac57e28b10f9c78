/**
 * The outbox: messages are sent in their order, each channel on its own, and tried again for a while.
 *
 * A message is claimed before it is sent, so that of two processes one sends it; a claim ends with its process, or
 * after a minute. After MAX_TRIES it is given up with a line in worker.log: what it is about stands in queue-status.
 */
import type { AlertSettings } from '../config.js';
import type { AlertStore } from './state.js';
export type Complain = (level: 'info' | 'warn', message: string) => void;
export interface Outbox {
    readonly store: AlertStore;
    readonly settings: AlertSettings;
    readonly log: Complain;
    /** Ends what is being sent; it counts as not sent. */
    readonly stop?: AbortSignal;
}
/**
 * Sends what is due, until nothing is.
 * @returns whether everything is sent; false when something is left for later.
 */
export declare function sendDue(outbox: Outbox): Promise<boolean>;
