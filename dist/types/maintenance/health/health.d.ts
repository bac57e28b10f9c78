/**
 * The health of a queue and its database: every check with what was measured, from where on it is bad, and what to do.
 *
 * Promises: it changes nothing and creates nothing; it takes no lock that others wait for; it never throws for what it
 * finds: a check that can't be made is critical and says why. Run hourly it must be cheap: one listing of each
 * directory (a second one of pending/ when entries have been waiting for long), and a database is read to its end only
 * when it is small.
 */
import type { Config } from '../../config.js';
import type { Spool } from '../../spool/layout.js';
import { type HealthCheck, type HealthState } from './check.js';
import { type Thresholds } from './thresholds.js';
export interface HealthReport {
    /** The worst of the checks. */
    readonly state: HealthState;
    readonly checks: readonly HealthCheck[];
}
export interface HealthOptions {
    readonly thresholds?: Thresholds;
    /** Checks all of the database (integrity_check), whatever its size. */
    readonly full?: boolean;
}
/** Makes every check, in order. */
export declare function checkHealth(config: Config, spool: Spool, { thresholds, full }?: HealthOptions): Promise<HealthReport>;
