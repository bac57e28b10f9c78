/** Whether a file can be restored: SQLite's checks, the ledger, the checksum on its label. */
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, messageOf } from '../../errors.ts';
import { SinkOutage } from '../../sink/outage.ts';
import { LEDGER } from '../../sink/plan.ts';
import { removeLitter } from '../../spool/publish.ts';
import { countOf } from '../../terminal/text.ts';
import { INTEGRITY_CHECK, problemsIn } from '../database/integrity.ts';
import { runSql } from '../database/sql-thread.ts';
import { checkSpace, checksumOf, UNPACKED_RATIO, unpack } from './files.ts';
import { type Label, readLabel, type Verified, writeLabel } from './shelf.ts';

export interface Verification {
  readonly path: string;
  readonly ok: boolean;
  /** Why it can't be restored. */
  readonly problems: readonly string[];
  /** What does not keep it from being restored: rows whose parents are missing, no label. */
  readonly warnings: readonly string[];
}

/** Verifies a backup, compressed or not, and notes the result on its label. */
export async function verifyBackup(path: string): Promise<Verification> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile())
    return { path, ok: false, problems: [stat ? 'it is not a file' : 'it is not there'], warnings: [] };
  const label = readLabel(path);
  const problems = label ? compareWith(label, path, stat.size) : [];
  const warnings = label ? [] : ['it has no label: checksum and place in the journal are not known'];
  // What is not the file that was made need not be looked into.
  if (problems.length === 0) {
    const found = await lookInside(path, stat.size);
    problems.push(...found.problems);
    warnings.push(...found.warnings);
    if (found.problems.length === 0 && !found.hasLedger && label?.ledger !== false)
      problems.push(`it has no table ${LEDGER}: it is no backup of a queue's database`);
  }
  const ok = problems.length === 0;
  if (label) tryToNote(path, { ...label, verified: noted(ok, problems) }, warnings);
  return { path, ok, problems, warnings };
}

/** A disk that is full or read-only keeps nobody from restoring what is on it. */
function tryToNote(path: string, label: Label, warnings: string[]): void {
  try {
    writeLabel(path, label);
  } catch (error) {
    warnings.push(`the result can't be noted on its label: ${messageOf(error)}`);
  }
}

export function noted(ok: boolean, problems: readonly string[]): Verified {
  return { at: new Date().toISOString(), ok, problems };
}

function compareWith(label: Label, path: string, size: number): string[] {
  if (size !== label.bytes)
    return [
      `it has ${size} bytes, and had ${label.bytes} when it was made: it is truncated or was written to`,
    ];
  if (label.crc32 === null) return [];
  const sum = checksumOf(path);
  return sum === label.crc32 ? [] : [`its checksum is ${sum}, and was ${label.crc32} when it was made`];
}

interface Findings {
  readonly problems: string[];
  readonly warnings: string[];
  readonly hasLedger: boolean;
}

async function lookInside(path: string, size: number): Promise<Findings> {
  if (!path.endsWith('.gz')) return checkContent(path);
  const plain = join(dirname(path), `.verify-${process.pid}.tmp`);
  try {
    checkSpace(dirname(path), size * UNPACKED_RATIO, 'unpacking it');
    await unpack(path, plain, () => {});
    return await checkContent(plain);
  } catch (error) {
    // A full disk, or no descriptor left, says nothing about the backup.
    if (!(codeOf(error) ?? '').startsWith('Z_')) throw error;
    return { problems: [`it can't be unpacked: ${messageOf(error)}`], warnings: [], hasLedger: false };
  } finally {
    removeLitter(plain);
  }
}

const CHECKS = [
  INTEGRITY_CHECK,
  'SELECT "table", count(*) AS rows FROM pragma_foreign_key_check GROUP BY "table" ORDER BY "table"',
  `SELECT name FROM sqlite_schema WHERE name = '${LEDGER}' AND type = 'table'`,
];

/** The checks of a plain database file that nobody has open. */
export async function checkContent(path: string): Promise<Findings> {
  try {
    const [checked = [], parentless = [], ledger = []] = await runSql(path, CHECKS, { readonly: true });
    return {
      problems: problemsIn(checked),
      warnings: parentless.map(
        ({ table, rows }) =>
          `${countOf(Number(rows), 'row')} of ${table} without the parent that a foreign key names`,
      ),
      hasLedger: ledger.length > 0,
    };
  } catch (error) {
    const isItsFault = error instanceof SinkOutage && /^SQLITE_(NOTADB|CORRUPT|ERROR)/.test(error.reason);
    if (!isItsFault) throw error;
    return { problems: [messageOf(error)], warnings: [], hasLedger: false };
  }
}
