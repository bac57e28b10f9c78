/**
 * A PowerShell script that registers scheduled tasks. Written for Windows, not tried there.
 *
 * A task has no environment of its own, so it starts PowerShell with a small script that sets it; encoded, because the
 * quoting of a task's arguments is nobody's but the program's. The text is ASCII whatever the paths hold: files of
 * other encodings are read differently by different versions.
 */
import { type Job } from './job.js';
export declare function windowsText(job: Job): string[];
