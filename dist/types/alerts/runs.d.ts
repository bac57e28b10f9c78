import { type Spool } from '../spool/layout.js';
/** To be called first of all; a spool that can't be written has other troubles. */
export declare function noteRun(spool: Spool): void;
/** This process leaves, or is killed, in good order. */
export declare function forgetRun(spool: Spool): void;
/** When the workers started that have died since, in the last ten minutes; epoch milliseconds, oldest first. */
export declare function deaths(spool: Spool): number[];
