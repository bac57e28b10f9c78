/** The steps that routines are made of. */
import type { Config } from '../config.js';
import type { Spool } from '../spool/layout.js';
import type { Thresholds } from './health/thresholds.js';
import type { Step } from './routine.js';
export interface StepContext {
    readonly config: Config;
    readonly spool: Spool;
    readonly thresholds: Thresholds;
}
/** Puts entries that were left in processing/ back into the queue. */
export declare function recoverStep({ config, spool }: StepContext): Step;
/** Every health check; what is not well has a line of its own with what to do. */
export declare function healthStep({ config, spool, thresholds }: StepContext): Step;
