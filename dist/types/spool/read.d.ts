export type FileRead = 
/** Valid until the next call: the buffer is reused. */
{
    kind: 'bytes';
    bytes: Buffer;
} | {
    kind: 'gone';
}
/** Not a readable regular file; `why` completes "the entry ...". */
 | {
    kind: 'odd';
    why: string;
}
/** The system's fault (EMFILE, EIO): try again later. */
 | {
    kind: 'fault';
    code: string;
    message: string;
};
export declare function readEntryFile(path: string): FileRead;
/**
 * The bytes of one of the spool's own small files.
 * @returns undefined when it is not there, or is something else than a file (a planted FIFO must hang no one).
 * @throws system errors (EIO, EMFILE).
 */
export declare function readOwnFile(path: string): Buffer | undefined;
/** Milliseconds since the file was last written, by the file system's clock; 0 when it is gone. */
export declare function ageOf(path: string): number;
