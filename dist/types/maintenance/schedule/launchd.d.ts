/** Property lists of launchd agents, as a shell script that puts them in place. Written for macOS, not tried there. */
import { type Job } from './job.js';
export declare function launchdText(job: Job): string[];
