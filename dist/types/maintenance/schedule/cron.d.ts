import { type Job } from './job.js';
/** @throws QueueError USAGE when a path can't be written into a crontab. */
export declare function cronText(job: Job): string[];
