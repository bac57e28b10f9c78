/** The newest backup of a database: files beside it in backups/, each with FILE.json that says what is known of it. */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../../errors.ts';
import { readOwnFile } from '../../spool/read.ts';

export interface LastBackup {
  readonly path: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

const NAME = /^queue_backup_.+_\d{8}_\d{6}\.db(\.gz)?$/;

/**
 * The newest one that was not found to be bad.
 * @returns undefined when there is none.
 * @throws system errors when the directory can't be read.
 */
export function lastGoodBackup(database: string): LastBackup | undefined {
  const directory = join(dirname(database), 'backups');
  const good = namesIn(directory)
    .filter((name) => NAME.test(name))
    .flatMap((name) => readBackup(join(directory, name)));
  return good.sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt)).at(-1);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function readBackup(path: string): LastBackup[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.size === 0) return [];
  try {
    const text = readOwnFile(`${path}.json`)?.toString() ?? '';
    const { createdAt, verified } = JSON.parse(text) as {
      createdAt?: unknown;
      verified?: { ok?: unknown } | null;
    };
    if (typeof createdAt !== 'string' || Number.isNaN(Date.parse(createdAt))) return [];
    return verified && verified.ok !== true ? [] : [{ path, createdAt }];
  } catch {
    return [];
  }
}
