/** How executables print: lines, JSON, and a question where someone is there to answer it. */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { exactJson } from '../exact-json.ts';
import type { PageStyle } from '../terminal/line.ts';
import { paintFor } from '../terminal/text.ts';

export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Coloured and cut for a terminal; plain and whole in a pipe. */
export function printPage(render: (style: PageStyle) => readonly string[]): void {
  const columns = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  printLines(render({ paint: paintFor(process.stdout), columns }));
}

/** Lines as they are made, no faster than they are read: memory does not grow with their number. */
export async function printStream(lines: Iterable<string>): Promise<void> {
  let text = '';
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < PORTION) continue;
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    text = '';
  }
  process.stdout.write(text);
}

const PORTION = 64 * 1024;

/** Indented for people; still one value for a program. */
export function printJson(value: unknown): void {
  process.stdout.write(`${exactJson(value, 2)}\n`);
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
