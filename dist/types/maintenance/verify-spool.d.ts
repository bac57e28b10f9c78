import type { Config } from '../config.js';
import { type Spool } from '../spool/layout.js';
import { type Answer } from './findings.js';
export declare function isSpoolThere(spool: Spool): boolean;
export declare function checkDirectories(_config: Config, spool: Spool): Answer | Answer[];
export declare function checkWritable(_config: Config, spool: Spool): Answer;
export declare function checkSpace(config: Config, spool: Spool): Answer[];
export declare function checkModes(_config: Config, spool: Spool): Answer;
