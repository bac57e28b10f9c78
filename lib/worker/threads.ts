/** The worker's threads, as a file of their own (dist/threads.cjs): none of them needs the rest of the worker. */
import { isAlertThread, runAlertThread } from './alert-thread.ts';
import { isFilesThread, runFilesThread } from './files-thread.ts';
import { isWatchdogThread, runWatchdog } from './watchdog.ts';

if (isWatchdogThread()) runWatchdog();
else if (isFilesThread()) runFilesThread();
else if (isAlertThread()) runAlertThread();
