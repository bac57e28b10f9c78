/** What is said of the dead letter that was written last. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { WHY_SUFFIX } from '../spool/deadletter.ts';
import type { Spool } from '../spool/layout.ts';
import { readEntryFile } from '../spool/read.ts';
import { clean } from './message.ts';

/** Of this many letters the last is looked for. */
const LETTERS_READ = 500;

/**
 * Its name, operation and error, in one line.
 * @param names of letters, in order.
 * @returns undefined when none of them is there any more.
 */
export function lastLetter(spool: Spool, names: readonly string[]): string | undefined {
  const dated = names.slice(-LETTERS_READ).flatMap((name) => {
    const at = lstatSync(join(spool.failed, name), { throwIfNoEntry: false })?.mtimeMs;
    return at === undefined ? [] : [{ name, at }];
  });
  const last = dated.sort((a, b) => b.at - a.at)[0]?.name;
  if (last === undefined) return undefined;
  const path = join(spool.failed, last);
  const { operation, error } = { ...fieldsAt(path), ...fieldsAt(path + WHY_SUFFIX) };
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const whose = typeof operation === 'string' ? `${last} (${operation})` : last;
  return clean(`${whose}: ${String(code ?? 'no reason given')}: ${String(message ?? '')}`);
}

function fieldsAt(path: string): Record<string, unknown> {
  try {
    const read = readEntryFile(path);
    return read.kind === 'bytes' ? (JSON.parse(read.bytes.toString()) as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
