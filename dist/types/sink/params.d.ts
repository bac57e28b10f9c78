/**
 * Parameters: which ones an entry's SQL asks for, and the values that `params` gives them.
 *
 * An object gives values by name to every statement of the entry; an array gives them to the `?` of all
 * statements from left to right, or to `?NNN` by number. What is missing and what is left over is an error: SQLite
 * itself would bind NULL and say nothing.
 *
 * Values: text -> TEXT, whole number -> INTEGER, other number -> REAL, true and false -> 1 and 0, null -> NULL,
 * object and array -> their JSON as TEXT. There is no way to pass a BLOB; unhex(:name) makes one.
 */
import type { Params } from '../spool/entry.js';
import type { Prepared } from './driver.js';
import { EntryFault, type FaultCode } from './outage.js';
import type { Statement } from './statements.js';
export type Value = string | bigint | number | null;
/** What an entry's SQL asks for. */
export interface Binding {
    readonly style: 'none' | 'named' | 'plain' | 'numbered' | 'mixed';
    /** One key for each value: a name, or the position in the array from 0. */
    readonly keys: readonly (string | number)[];
}
/** One statement, ready to be prepared. */
export interface Step {
    /** As the author wrote it. */
    readonly text: string;
    /** With its parameters rewritten for binding by position, which costs half of binding by name. */
    readonly sql: string;
    /** For each bound position the index in the entry's values. */
    readonly slots: readonly number[];
    /** A parameter occurs more than once, so `sql` has ?1, ?2 ... instead of `?`. */
    readonly repeats: boolean;
    /** How often this has run; a statement without parameters is prepared only when it comes again. */
    runs: number;
    prepared: Prepared | undefined;
    /** Known once it is prepared. */
    returnsRows: boolean;
}
/** Works out the parameters of an entry and rewrites its statements. */
export declare function bindingOf(statements: readonly Statement[]): {
    binding: Binding;
    steps: Step[];
};
/** The arguments that bind `values` to one step. */
export declare function argumentsOf(step: Step, values: readonly Value[]): Value[] | Record<string, Value>;
/**
 * The value for each key of the binding.
 * @throws EntryFault BAD_PARAMS naming what is missing, left over, or can't be bound.
 */
export declare function valuesFor(binding: Binding, params: Params | undefined): readonly Value[];
/** @throws EntryFault BAD_PARAMS unless `params` has these names and no other. */
export declare function checkNames(keys: Binding['keys'], params: Record<string, unknown>): void;
/**
 * What a value is bound as.
 * @param name what to call it in a message.
 * @throws EntryFault `code` when it can't be bound.
 */
export declare function toValue(value: unknown, name: string, code?: FaultCode): Value;
export declare function quantity(count: number): string;
/** A message is for reading: the first names tell what kind they are. */
export declare function listed(names: readonly string[]): string;
export declare function badParams(message: string, hint?: string): EntryFault;
