import type { Entry } from './entry.js';
import type { Spool } from './layout.js';
/** The name, made when there is none yet; two who make it at once get the same one. */
export declare function spoolIdentity(spool: Spool): string;
/** The ledger key of an entry: the caller's `id`, else spool and file name, which is unique in the spool. */
export declare function ledgerKey(identity: string, name: string, entry: Pick<Entry, 'id'>): string;
