/** gzip makes a database a third or less; what is in a compressed one is at most about so many times larger. */
export declare const UNPACKED_RATIO = 5;
/** Writes a new file (mode 0600) and syncs it. */
export declare function writeSynced(path: string, text: string): void;
/** Makes a file's content survive a power cut. */
export declare function syncFile(path: string): void;
/** CRC-32 of a file, eight hex digits. */
export declare function checksumOf(path: string): string;
/** gzip from one file into a new one. */
export declare function compress(from: string, to: string, onBytes: (done: number) => void): Promise<void>;
/**
 * gunzip from one file into a new one, or, if it is not compressed, a plain copy.
 * @throws zlib's errors (Z_BUF_ERROR: truncated; Z_DATA_ERROR: damaged), system errors.
 */
export declare function unpack(from: string, to: string, onBytes: (done: number) => void): Promise<void>;
/** @throws QueueError DATABASE when `directory` has not so many bytes left. */
export declare function checkSpace(directory: string, bytes: number, what: string): void;
/** Leaves WAL mode: one file, which can be read where nothing can be written. */
export declare function leaveWal(database: string): void;
/** Enters it, as the worker would: a reader that came before the worker could keep it from that. */
export declare function enterWal(database: string): void;
/** Bytes of a database and what its -wal would add to it. */
export declare function databaseBytes(path: string): number;
