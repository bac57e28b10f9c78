import type { Entry } from '../spool/entry.js';
import type { Outcome, Sink, SinkOptions } from './sink.js';
export declare class SqliteSink implements Sink {
    #private;
    readonly target: string;
    constructor(path: string, options: SinkOptions);
    begin(): void;
    apply(entry: Entry, key: string): Outcome;
    commit(): void;
    rollback(): void;
    applyAlone(entry: Entry, key: string): Outcome;
    applied(keys: readonly string[]): Set<string>;
    changed(): boolean;
    close(): void;
}
