import type { Config } from '../../config.js';
import type { Spool } from '../../spool/layout.js';
export declare const SCHEDULERS: readonly ['cron', 'systemd', 'launchd', 'windows'];
export type Scheduler = (typeof SCHEDULERS)[number];
/**
 * @returns lines, with comments that say how to install and to remove it.
 * @throws QueueError USAGE when a path can't be written into such a text.
 */
export declare function scheduleText(config: Config, spool: Spool, scheduler: Scheduler): string[];
/** The scheduler that this system has. */
export declare function usualScheduler(): Scheduler;
