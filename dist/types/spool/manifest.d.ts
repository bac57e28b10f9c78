import { type Spool } from './layout.js';
export interface Manifest {
    /** How many workers have died with just this one entry in hand; 0 while there are several. */
    readonly deaths: number;
    readonly names: readonly string[];
    /** In hand when a worker died, and neither applied nor failed since. */
    readonly suspects: readonly string[];
    /** The entry that ran too long and was stopped together with its worker. */
    readonly stopped?: string;
}
/** The manifest's name in processing/; anything else there is an orphan. */
export declare const MANIFEST_FILE = "batch";
/**
 * Replaces the manifest. By unlink and create: truncating a file that has just been written makes ext4 flush it to
 * disk, which cost a tenth of a large drain. A crash in between leaves none, as if this batch had not begun; what
 * the last one had in hand was applied, which its ledger rows tell. With suspects that does not hold: some may wait for
 * their database to be asked, so that manifest is replaced by a rename.
 */
export declare function writeManifest(spool: Spool, manifest: Manifest): void;
/** The manifest left behind, or undefined. Torn lines are dropped: their entries are in pending/ all the same. */
export declare function readManifest(spool: Spool): Manifest | undefined;
export declare function removeManifest(spool: Spool): void;
/** Files in processing/ that are no manifest: put there by hand or by older tools. */
export declare function orphanNames(spool: Spool): string[];
