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
/** A backup, and those of the same name that are too many removed. */
export declare function backupStep(context: StepContext): Step;
/** Every backup there is, so that one that decays is noticed while there are others. */
export declare function verifyStep(context: StepContext): Step;
/** Of each name those beyond the usual number. */
export declare function pruneStep(context: StepContext): Step;
export declare function analyzeStep(context: StepContext): Step;
export declare function checkpointStep(context: StepContext): Step;
export declare function integrityStep(context: StepContext): Step;
/** All tables analyzed, a vacuum where much is free, an empty WAL. */
export declare function optimizeStep(context: StepContext): Step;
