/** How executables print: lines, JSON, and a question where someone is there to answer it. */
import { createInterface } from 'node:readline/promises';
import { exactJson } from '../exact-json.ts';

export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Indented for people; still one value for a program. */
export function printJson(value: unknown): void {
  process.stdout.write(`${exactJson(value, 2)}\n`);
}

/** Columns of a terminal; a pipe has no end. */
export function widthOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? stream.columns : Number.POSITIVE_INFINITY;
}

/** True when a question can be asked: someone reads it and can answer. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** Asks on the terminal; anything but y or yes is a no. */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    // Ctrl-D and Ctrl-C answer no.
    const closed = new Promise<string>((done) => terminal.once('close', () => done('')));
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
