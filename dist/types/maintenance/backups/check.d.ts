import { type Verified } from './shelf.js';
export interface Verification {
    readonly path: string;
    readonly ok: boolean;
    /** Why it can't be restored. */
    readonly problems: readonly string[];
    /** What does not keep it from being restored: rows whose parents are missing, no label. */
    readonly warnings: readonly string[];
}
/** Verifies a backup, compressed or not, and notes the result on its label. */
export declare function verifyBackup(path: string): Promise<Verification>;
export declare function noted(ok: boolean, problems: readonly string[]): Verified;
interface Findings {
    readonly problems: string[];
    readonly warnings: string[];
    readonly hasLedger: boolean;
}
/** The checks of a plain database file that nobody has open. */
export declare function checkContent(path: string): Promise<Findings>;
export {};
