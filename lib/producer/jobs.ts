/**
 * What a producer has to do with jobs: an entry of a job is registered in jobs.db before it is published, so that the
 * job's total is never behind, and taken back when it could not be published.
 *
 * The registration may be lost in a power cut (synchronous=NORMAL): the worker's record registers an entry that is not
 * registered, and of a job that was sealed all registrations before that are on disk, for the journal is synced in
 * order. For the same reason an entry is published although jobs.db is locked or can't be used.
 *
 * Built as dist/jobs.cjs and loaded on demand (load-jobs.ts): producers that only spool carry no SQL engine.
 */
import { type ErrorCode, messageOf, QueueError } from '../errors.ts';
import { jobsFile, jobsPath, openJobs } from '../jobs/database.ts';
import { itemOf, registerItem, unregisterItem } from '../jobs/items.ts';
import { readJob } from '../jobs/job.ts';
import type { Db } from '../sink/driver.ts';
import { type Entry, splitName } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import type { Failure } from './load.ts';

/** The place of one entry in its job. */
export interface Place {
  /** The job starts at this time, which is to come. ISO 8601. */
  readonly notBefore: string | undefined;
  /** The entry is about to be published under this name, and under no other that was told before. */
  claim(name: string): Failure | undefined;
  /** It was not published. */
  release(): void;
}

/** A hook that has this long to wait for its job publishes without it. */
const MAX_BUSY_WAIT_MS = 1000;
const OF_THE_JOB = new Set<ErrorCode>(['USAGE', 'NOT_FOUND']);

/**
 * Finds the job that an entry names.
 * @param complain told of what keeps the entry from being registered, but not from being published.
 */
export function placeInJob(
  spool: Spool,
  draft: Omit<Entry, 'seq'>,
  busyTimeout: number,
  complain: (message: string) => void,
): Place | Failure {
  const id = draft.job as string;
  let registered: string | undefined;
  /** Does what jobs.db lets it do. @returns the refusal of the job itself. */
  const attempt = (work: (db: Db) => void): Failure | undefined => {
    try {
      work(connection(spool, id, Math.min(busyTimeout, MAX_BUSY_WAIT_MS)));
      return undefined;
    } catch (error) {
      if (error instanceof QueueError && OF_THE_JOB.has(error.code)) {
        const { code, message, hint } = error;
        return { code, message, ...(hint === undefined ? {} : { hint }) };
      }
      complain(`the job '${id}' is not told of an entry, its record will be: ${messageOf(error)}`);
      return undefined;
    }
  };
  const release = (): void => {
    const name = registered;
    registered = undefined;
    if (name !== undefined) attempt((db) => unregisterItem(db, id, name));
  };
  let notBefore: string | undefined;
  const refusal = attempt((db) => {
    const due = readJob(db, id).notBefore;
    if (due !== null && Date.parse(due) > Date.now()) notBefore = due;
  });
  if (refusal) return refusal;
  return {
    notBefore,
    claim: (name) => {
      release();
      const item = itemOf(draft as Entry, splitName(name)?.seq ?? name);
      return attempt((db) => {
        if (registerItem(db, id, { name, item })) registered = name;
      });
    },
    release,
  };
}

let open: { db: Db; path: string; file: string } | undefined;

/** One connection is kept: opening costs fifty times what registering does. The file may have been replaced since. */
function connection(spool: Spool, id: string, busyTimeout: number): Db {
  const path = jobsPath(spool);
  const file = jobsFile(spool);
  if (open && (open.path !== path || open.file !== file)) {
    open.db.close();
    open = undefined;
  }
  // Without the file there is no job, and a producer makes none.
  if (file === undefined) {
    throw new QueueError('NOT_FOUND', `there is no job '${id}'`, { hint: 'queue-job create makes one.' });
  }
  open ??= { db: openJobs(spool, { busyTimeout, synchronous: 'NORMAL' }), path, file };
  return open.db;
}
