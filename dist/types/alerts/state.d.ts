import type { Spool } from '../spool/layout.js';
import type { Message } from './message.js';
export type Channel = 'webhook' | 'command';
/** Trouble that was found, and is not over as far as is known. */
export interface Incident {
    /** failed, outage, age, crash, disk or health. */
    readonly kind: string;
    /** What it is about: of one subject the worker and queue-maint health do not both speak. */
    readonly subject: string;
    readonly since: string;
    readonly what: string;
    readonly advice: string;
    /** Its message is on its way or has arrived. */
    readonly told: boolean;
}
export interface Parcel {
    readonly channel: Channel;
    readonly message: Message;
    /** Tries that have begun. */
    readonly tries: number;
    /** Epoch milliseconds before which it is not tried (again). */
    readonly due: number;
    /** Who is sending it now, and until when at most. */
    readonly claim?: {
        readonly pid: number;
        readonly until: number;
    };
}
export interface AlertState {
    incidents: Record<string, Incident>;
    outbox: Parcel[];
    /** When the last incident of a key was told, in epoch milliseconds. */
    toldAt: Record<string, number>;
    /** Dead letters at the last look. */
    letters: number;
    /** When entries failed last, in epoch milliseconds. */
    failedAt: number;
}
/** A process's way to the file. */
export declare class AlertStore {
    #private;
    constructor(spool: Spool);
    read(): AlertState;
    /**
     * Changes the state, alone. `change` must be quick and must not wait. What can't be written for want of room is kept
     * in mind.
     * @throws ELOCKED when others have been at it for two seconds; other system errors.
     */
    change<T>(change: (state: AlertState) => T): Promise<T>;
}
