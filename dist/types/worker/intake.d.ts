/** From a name in pending/ to an entry ready to apply, or the reason why not. */
import { type Config } from '../config.js';
import { type Fate } from '../jobs/items.js';
import { type Entry, type EntryError } from '../spool/entry.js';
import type { Spool } from '../spool/layout.js';
/** An entry in hand. */
export interface Item {
    readonly name: string;
    readonly entry: Entry;
    /** The entry's text as the journal keeps it: as it was written, with all values in it. */
    readonly text: string;
    /** Parameters whose values have files of their own. */
    readonly values: readonly string[];
    readonly key: string;
    readonly target: string;
}
export type Intake = {
    kind: 'item';
    item: Item;
}
/** Not due before `at`, in epoch milliseconds. */
 | {
    kind: 'later';
    at: number;
} | {
    kind: 'gone';
}
/** Its writer has not finished: look again. */
 | {
    kind: 'unfinished';
}
/** No entry, and never will be. */
 | {
    kind: 'bad';
    error: EntryError;
    fate?: Fate;
}
/** The system could not read it now. */
 | {
    kind: 'fault';
    message: string;
};
export interface IntakeContext {
    readonly spool: Spool;
    readonly config: Config;
    readonly identity: string;
    /** The entry's text, if it was read ahead. */
    readonly readAhead?: (name: string) => string | undefined;
}
export declare function takeIn(context: IntakeContext, name: string): Intake;
