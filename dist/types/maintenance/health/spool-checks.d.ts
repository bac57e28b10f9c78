/** The health checks of the spool: worker, waiting and failed entries, orphans, clock. */
import { type Answer, type Check, type Context } from './check.js';
export declare function checkSpoolItself({ status, fault, spool }: Context): Answer;
export declare const checkWorker: Check;
export declare const checkOldest: Check;
export declare const checkOrphans: Check;
export declare const checkFailed: Check;
export declare const checkClock: Check;
