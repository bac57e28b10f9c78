import type { Spool } from '../spool/layout.js';
export type Level = 'info' | 'warn' | 'error';
export type Log = (level: Level, message: string) => void;
export declare const LOG_ROTATE_BYTES: number;
/** A logger for the spool; `echo` also gets each line (the terminal of --foreground). */
export declare function openLog(spool: Spool, echo?: (line: string) => void): Log;
/** Moves a log of over 1 MB to worker.log.1. @returns true when it was moved. */
export declare function rotateLog(spool: Spool): boolean;
/** Prints the log, the rotated part first. @returns 0. */
export declare function printLog(spool: Spool, print: (text: string) => void): number;
/** Prints the log's last lines and what is added, until the process is interrupted. */
export declare function followLog(spool: Spool, print: (text: string) => void): Promise<number>;
