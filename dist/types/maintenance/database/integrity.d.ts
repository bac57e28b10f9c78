/**
 * `PRAGMA integrity_check`, or with `quick` quick_check, which leaves out whether indexes hold what tables hold.
 * @returns the problems; none when it is sound.
 * @throws SinkOutage when it can't be opened, is no database, or is locked.
 */
export declare function checkIntegrity(path: string, { quick }?: {
    quick?: boolean | undefined;
}): Promise<string[]>;
