import type { Entry } from '../../spool/entry.js';
import type { Outcome, Sink, SinkOptions } from '../sink.js';
type Keyed = {
    readonly entry: Entry;
    readonly key: string;
};
export declare class PostgresSink implements Sink {
    #private;
    readonly target: string;
    readonly reconnects = true;
    constructor(url: string, options: SinkOptions);
    begin(): void;
    apply(entry: Entry, key: string): Outcome;
    commit(): void;
    rollback(): void;
    applyMany(entries: readonly Keyed[]): Outcome[];
    applyAlone(entry: Entry, key: string): Outcome;
    applied(keys: readonly string[]): Set<string>;
    changed(): boolean;
    close(): void;
}
export {};
