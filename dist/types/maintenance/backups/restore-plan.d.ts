import { type Position } from '../../spool/journal-read.js';
import { type Spool } from '../../spool/layout.js';
import { type Note } from './history.js';
import { type Until } from './place.js';
import type { Label } from './shelf.js';
/** As in RestoreOptions. */
interface PlanOptions {
    readonly spool: Spool;
    readonly database: string;
    readonly file: string;
    readonly until?: Until | undefined;
    readonly except?: readonly string[];
    readonly withJournal?: boolean;
    readonly exactlyOnce: boolean;
}
export interface Plan {
    readonly from: Position;
    readonly until: Position;
    readonly end: Position;
    readonly notes: readonly Note[];
    readonly seenByBackup: number;
}
/** What of the journal is to be applied. */
export declare function planReplay(options: PlanOptions, label: Label | undefined): Plan | undefined;
export {};
