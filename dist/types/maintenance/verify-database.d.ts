import { type Config } from '../config.js';
import type { Spool } from '../spool/layout.js';
import { type Answer } from './findings.js';
export declare function checkDatabase(config: Config, spool: Spool): Answer | Answer[];
/** BEGIN IMMEDIATE takes the write lock for an instant; whatever is wrong, nothing is written. */
export declare function checkWriting(config: Config): Answer;
export declare function checkLedger(config: Config): Answer;
