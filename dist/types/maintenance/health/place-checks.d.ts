import { type Answer, type Context } from './check.js';
/** Free room where there is least: on the file systems of spool and database, or of where they will be. */
export declare function checkDisk({ config, spool }: Context): Answer;
export declare function checkBackup({ database }: Context): Answer;
