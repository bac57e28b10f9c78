import { type Answer } from './findings.js';
export declare function checkNode(): Answer;
export declare function checkDriver(): Answer;
export declare function checkBash(): Answer;
export declare function checkSetsid(): Answer;
export declare function checkLibrary(): Answer;
export declare function checkExecutables(): Answer[];
