/**
 * The lines of a file that may have any length, in memory for one window of it. What follows the last newline is no
 * line yet: its writer may be at it.
 */
import { readSync } from 'node:fs';

export interface Line {
  /** Offset of its first byte. */
  readonly start: number;
  /** Offset after its newline. */
  readonly next: number;
  /** Without the newline; valid until the next call. undefined: it is longer than MAX_LINE_BYTES. */
  readonly bytes: Buffer | undefined;
}

/** A longer line is not held in memory. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;
const WINDOW_BYTES = 2 * 1024 * 1024;
const NEWLINE = 0x0a;

export class LineReader {
  readonly #fd: number;
  #window: Buffer = Buffer.allocUnsafe(WINDOW_BYTES);
  /** The offset in the file of the window's first byte. */
  #base: number;
  /** Bytes in the window. */
  #length = 0;
  /** Where in the window the next line starts. */
  #at = 0;

  constructor(fd: number, offset: number) {
    this.#fd = fd;
    this.#base = offset;
  }

  /** The next lines, as far as they are in the window, at most `max`; none when no whole line is left. */
  take(max: number): Line[] {
    this.#fill();
    let lines = this.#scan(max);
    while (lines.length === 0) {
      if (this.#length - this.#at > MAX_LINE_BYTES) return this.#longLine();
      if (!this.#grow()) return [];
      lines = this.#scan(max);
    }
    return lines;
  }

  /** Goes back to an offset within what the last take() gave. */
  back(offset: number): void {
    this.#at = offset - this.#base;
  }

  /** What follows the last newline, once take() has given nothing. undefined: it is too long to be held. */
  rest(): Buffer | undefined {
    const length = this.#length - this.#at;
    return length > MAX_LINE_BYTES ? undefined : this.#window.subarray(this.#at, this.#length);
  }

  #scan(max: number): Line[] {
    const lines: Line[] = [];
    const window = this.#window.subarray(0, this.#length);
    while (lines.length < max) {
      const end = window.indexOf(NEWLINE, this.#at);
      if (end === -1) break;
      const bytes = end - this.#at > MAX_LINE_BYTES ? undefined : window.subarray(this.#at, end);
      lines.push({ start: this.#base + this.#at, next: this.#base + end + 1, bytes });
      this.#at = end + 1;
    }
    return lines;
  }

  /** Moves what is left to the front once it is less than half, and reads on. */
  #fill(): void {
    const left = this.#length - this.#at;
    if (left > WINDOW_BYTES / 2) return;
    // A window that has grown for a long line has done so for that line alone.
    const window = this.#window.length > WINDOW_BYTES ? Buffer.allocUnsafe(WINDOW_BYTES) : this.#window;
    this.#window.copy(window, 0, this.#at, this.#length);
    this.#window = window;
    this.#base += this.#at;
    this.#length = left;
    this.#at = 0;
    this.#read();
  }

  /** Reads more behind what is there. @returns false at the end of the file. */
  #grow(): boolean {
    if (this.#length === this.#window.length) {
      const window = Buffer.allocUnsafe(Math.min(this.#window.length * 2, MAX_LINE_BYTES + WINDOW_BYTES));
      this.#window.copy(window, 0, this.#at, this.#length);
      this.#window = window;
      this.#base += this.#at;
      this.#length -= this.#at;
      this.#at = 0;
    }
    return this.#read();
  }

  #read(): boolean {
    const before = this.#length;
    while (this.#length < this.#window.length) {
      const place = this.#base + this.#length;
      const got = readSync(this.#fd, this.#window, this.#length, this.#window.length - this.#length, place);
      if (got === 0) break;
      this.#length += got;
    }
    return this.#length > before;
  }

  /** A line that is too long: only its end is looked for. */
  #longLine(): Line[] {
    const start = this.#base + this.#at;
    const chunk = Buffer.allocUnsafe(WINDOW_BYTES);
    for (let offset = this.#base + this.#length; ; ) {
      const got = readSync(this.#fd, chunk, 0, chunk.length, offset);
      if (got === 0) return [];
      const end = chunk.subarray(0, got).indexOf(NEWLINE);
      offset += end === -1 ? got : end + 1;
      if (end === -1) continue;
      this.#window = Buffer.allocUnsafe(WINDOW_BYTES);
      this.#base = offset;
      this.#length = 0;
      this.#at = 0;
      return [{ start, next: offset, bytes: undefined }];
    }
  }
}
