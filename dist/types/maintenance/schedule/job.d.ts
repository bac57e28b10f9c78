import type { Config } from '../../config.js';
import type { Spool } from '../../spool/layout.js';
export interface Job {
    /** Of letters, digits and dashes; another project has another. */
    readonly id: string;
    /** For comments: the project's path. */
    readonly project: string;
    /** The program and the arguments that come before a routine's. */
    readonly command: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly log: string;
}
/** The routines and when they are due, at odd minutes: on the hour everything else runs. */
export declare const TIMES: readonly [{
    readonly routine: 'hourly';
    readonly minute: 17;
    readonly hour: null;
    readonly weekday: null;
}, {
    readonly routine: 'daily';
    readonly minute: 23;
    readonly hour: 3;
    readonly weekday: null;
}, {
    readonly routine: 'weekly';
    readonly minute: 41;
    readonly hour: 4;
    readonly weekday: 0;
}];
export type Time = (typeof TIMES)[number];
/** The arguments of a routine for a scheduler. */
export declare function routineArguments({ routine }: Pick<Time, 'routine'>): string[];
/**
 * The job of this project, with this installation and the Node that runs this. Only what differs from the defaults of
 * the project is put into its environment.
 * @throws QueueError USAGE when a path can't be written into such a file.
 */
export declare function jobOf(config: Config, spool: Spool): Job;
/** One word of a POSIX shell. */
export declare function shellWord(text: string): string;
