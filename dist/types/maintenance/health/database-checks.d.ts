/** The health checks of the database file: sound, not too large, not full of free pages. */
import { type Answer, type Check, type Context } from './check.js';
export declare function checkSoundness(context: Context): Promise<Answer>;
export declare const checkSize: Check;
export declare const checkWal: Check;
export declare const checkFragmentation: Check;
