/**
 * Filling a spool: entry files as the producers write them, without their cost. One entry holds two bound values,
 * a session and a hook's JSON of some 300 bytes; the whole file has about 600.
 */
import { spawnSync } from 'node:child_process';
import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openJobs } from '../../lib/jobs/database.ts';
import { type NewItem, registerItems, sealJob } from '../../lib/jobs/items.ts';
import { readJob } from '../../lib/jobs/job.ts';
import type { Spool } from '../../lib/spool/layout.ts';

export const INSERT = 'INSERT INTO events(session, hook) VALUES (:session, :hook)';
const SESSION = '7c1f9e02-3d84-4b6a-9f57-20c8e6a41b93';
const YIELD_EVERY = 5000;
const BYTES_PER_ENTRY = 8192;
/** Numbers already given out, so that spools filled twice don't repeat a name. */
let given = 0;

/** The values of entry `index`. */
export function values(index: number): { session: string; hook: string } {
  const hook = {
    hook_event_name: 'PostToolUse',
    tool_name: 'Bash',
    tool_input: {
      command: `printf '%s\\n' "it's number ${index}" | tee out.log`,
      description: 'Write a note',
    },
    tool_response: { stdout: `it's number ${index}\n`, stderr: '', interrupted: false, isImage: false },
    tool_use_id: `toolu_${String(index).padStart(12, '0')}`,
    duration_ms: index % 1000,
  };
  return { session: SESSION, hook: JSON.stringify(hook) };
}

/** The INSERT of entry `index` with its values as literals: no two of these texts are the same. */
export function literalInsert(index: number): string {
  const { session, hook } = values(index);
  return `INSERT INTO events(session, hook) VALUES ('${session}', '${hook.replaceAll("'", "''")}')`;
}

/**
 * Puts `count` entries into pending/. With `literal` the SQL holds the values instead of binding them; with `onDisk`
 * the file system is synced, as it is half a minute later by itself.
 */
export async function fill(
  spool: Spool,
  count: number,
  options: { literal?: boolean; onDisk?: boolean; job?: string; progress?: (text: string) => void } = {},
): Promise<void> {
  const job = options.job === undefined ? undefined : makeJob(spool, options.job);
  const first = (Date.now() - 3_600_000) * 1000;
  const created_at = new Date().toISOString();
  for (let index = 0; index < count; index++, given++) {
    const seq = `${first + given}_${process.pid}`;
    const sql = options.literal ? { sql: literalInsert(index) } : { sql: INSERT, params: values(index) };
    const common = {
      seq,
      priority: 5,
      operation: 'save_event',
      ...sql,
      metadata: {},
      created_at,
      retries: 0,
    };
    const entry = job === undefined ? common : { ...common, job: options.job };
    job?.register(`05_${seq}.json`, seq);
    writeFileSync(join(spool.pending, `05_${seq}.json`), `${JSON.stringify(entry)}\n`, {
      flag: 'wx',
      mode: 0o600,
    });
    if (index % YIELD_EVERY !== 0) continue;
    if (count > 50_000)
      options.progress?.(`writing ${count} entries: ${Math.round((100 * index) / count)} %`);
    await new Promise((done) => setImmediate(done));
  }
  job?.close();
  if (options.onDisk) spawnSync('sync', ['-f', spool.pending]);
}

/** A job that knows its items before they are there, as producers register them; all in one transaction. */
function makeJob(spool: Spool, id: string): { register(name: string, item: string): void; close(): void } {
  const db = openJobs(spool);
  db.prepare('INSERT INTO jobs(id, name, created_at) VALUES (?, ?, ?)').run(id, id, Date.now());
  const items: NewItem[] = [];
  return {
    register: (name, item) => items.push({ name, item }),
    close: () => {
      registerItems(db, id, items);
      sealJob(db, id);
      db.close();
    },
  };
}

/** @throws Error when the job is not completed. */
export function checkJob(spool: Spool, id: string, count: number): void {
  const db = openJobs(spool);
  const { state, total, processed } = readJob(db, id);
  db.close();
  if (state === 'completed' && total === count && processed === count) return;
  throw new Error(`the job is ${state}: ${processed} of ${total} items, not ${count}`);
}

/** Why `count` entries can't be written here, or undefined when there is room for twice as many. */
export function noRoomFor(count: number, directory: string): string | undefined {
  const { bavail, bsize, ffree, files } = statfsSync(directory);
  if (bavail * bsize < 2 * count * BYTES_PER_ENTRY)
    return `the disk has only ${Math.round((bavail * bsize) / 1e9)} GB free`;
  // Some file systems make inodes as they need them and report none.
  if (files > 0 && ffree < 2 * count) return `the file system has only ${ffree} inodes free`;
  return undefined;
}
