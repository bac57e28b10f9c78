/** The text that has a system's scheduler run the routines of this project. It is only made here, never installed. */
import { existsSync } from 'node:fs';
import type { Config } from '../../config.ts';
import type { Spool } from '../../spool/layout.ts';
import { cronText } from './cron.ts';
import { jobOf } from './job.ts';
import { launchdText } from './launchd.ts';
import { systemdText } from './systemd.ts';
import { windowsText } from './windows.ts';

export const SCHEDULERS = ['cron', 'systemd', 'launchd', 'windows'] as const;
export type Scheduler = (typeof SCHEDULERS)[number];

const TEXTS = { cron: cronText, systemd: systemdText, launchd: launchdText, windows: windowsText } as const;

/**
 * @returns lines, with comments that say how to install and to remove it.
 * @throws QueueError USAGE when a path can't be written into such a text.
 */
export function scheduleText(config: Config, spool: Spool, scheduler: Scheduler): string[] {
  return TEXTS[scheduler](jobOf(config, spool));
}

/** The scheduler that this system has. */
export function usualScheduler(): Scheduler {
  if (process.platform === 'darwin') return 'launchd';
  if (process.platform === 'win32') return 'windows';
  return existsSync('/run/systemd/system') ? 'systemd' : 'cron';
}
