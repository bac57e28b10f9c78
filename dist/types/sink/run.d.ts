/** Runs the statements of an entry, to their last row. */
import type { Db } from './driver.js';
import { type Step, type Value } from './params.js';
/** Runs the steps in order; the first error ends it. */
export declare function runSteps(db: Db, steps: readonly Step[], values: readonly Value[]): void;
