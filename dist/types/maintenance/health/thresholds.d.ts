export type Unit = 'bytes' | 'seconds' | 'percent' | 'count';
export interface Limits {
    readonly unit: Unit;
    /** At this value and beyond. */
    readonly warning: number;
    readonly critical: number;
    /** Values below are the bad ones. */
    readonly lessIsWorse?: true;
}
/** The checks in the order they are shown in; null: no number, all or nothing. */
export declare const CHECK_NAMES: readonly ['spool', 'worker', 'oldest', 'orphans', 'failed', 'clock', 'integrity', 'size', 'wal', 'fragmentation', 'disk', 'backup'];
export type CheckName = (typeof CHECK_NAMES)[number];
export type Thresholds = Readonly<Record<CheckName, Limits | null | 'off'>>;
export declare const DEFAULT_THRESHOLDS: Thresholds;
/**
 * Thresholds with those in `text` in the place of others: `NAME=WARNING:CRITICAL` or `NAME=off`, separated by spaces
 * or commas; the last one of a name counts.
 * @param source what the text came from, for the error: an option or a variable.
 * @throws QueueError USAGE, or CONFIG when the source is a variable.
 */
export declare function parseThresholds(text: string, source: string, start?: Readonly<Record<"backup" | "clock" | "disk" | "failed" | "fragmentation" | "integrity" | "oldest" | "orphans" | "size" | "spool" | "wal" | "worker", "off" | Limits | null>>): Thresholds;
/** A value for people. */
export declare function formatValue(value: number, unit: Unit): string;
