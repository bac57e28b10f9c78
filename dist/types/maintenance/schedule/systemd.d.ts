/**
 * Units of systemd's user manager, as a shell script that puts them in place: one service for all routines, a timer
 * for each.
 *
 * In a unit `%` starts a specifier, in the arguments of a command `$` a variable, and within double quotes a backslash
 * an escape: all three are doubled (systemd.syntax(7), systemd.service(5)).
 */
import { type Job } from './job.js';
export declare function systemdText(job: Job): string[];
