/** The lines of an export, checked: whatever a file says, only what jobs.db could have held gets into it. */
import { JOB_STATES, type JobRow, type JobState, type ResultRow } from './job.ts';

/** As the columns of `jobs`. */
export type ImportedJob = Omit<JobRow, 'state'> & { readonly state: JobState };
/** As the columns of `job_results`. */
export type ImportedResult = ResultRow;

const ITEM_STATES = ['queued', 'done', 'failed', 'withdrawn'] as const;
/** A shell word that no option can be taken for. */
const ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;

/** @throws Error saying what is wrong with it. */
export function importedJob(value: unknown): ImportedJob {
  const get = fieldsOf(value, 'job');
  const id = get('id', text);
  if (!ID.test(id)) throw new Error(`"id" of the job is '${id}': only letters, digits and - are allowed`);
  return {
    id,
    name: get('name', text),
    state: get('state', oneOf(JOB_STATES)),
    is_sealed: Number(get('isSealed', yesOrNo)),
    expected: get('expected', orNull(count)),
    total: get('total', count),
    processed: get('processed', count),
    failed: get('failed', count),
    withdrawn: get('withdrawn', count),
    meta: get('meta', jsonObject),
    template: get('template', orNull(text)),
    after: get('after', orNull(text)),
    not_before: get('notBefore', orNull(time)),
    created_at: get('createdAt', time),
    started_at: get('startedAt', orNull(time)),
    completed_at: get('completedAt', orNull(time)),
    error: get('error', orNull(text)),
  };
}

/** @throws Error saying what is wrong with it. */
export function importedResult(value: unknown): ImportedResult {
  const get = fieldsOf(value, 'result');
  return {
    name: get('name', text),
    item: get('item', text),
    state: get('state', oneOf(ITEM_STATES)),
    error: get('error', orNull(text)),
    details: get('details', orNull(jsonObject)),
    duration_us: get('durationUs', orNull(count)),
    finished_at: get('finishedAt', orNull(time)),
  };
}

/** Reads a value, or says what it should be. */
type Check<T> = (value: unknown) => T | Wrong;
class Wrong {
  readonly should: string;
  constructor(should: string) {
    this.should = should;
  }
}

function fieldsOf(value: unknown, what: string): <T>(key: string, check: Check<T>) => T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`"${what}" is not an object`);
  }
  const fields = value as Record<string, unknown>;
  return <T>(key: string, check: Check<T>): T => {
    const read = Object.hasOwn(fields, key) ? check(fields[key]) : new Wrong('there');
    if (read instanceof Wrong) throw new Error(`"${key}" of the ${what} must be ${read.should}`);
    return read;
  };
}

const text: Check<string> = (value) => (typeof value === 'string' ? value : new Wrong('a text'));
const yesOrNo: Check<boolean> = (value) => (typeof value === 'boolean' ? value : new Wrong('true or false'));
const count: Check<number> = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : new Wrong('a count');
const jsonObject: Check<string> = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? JSON.stringify(value)
    : new Wrong('an object');
const time: Check<number> = (value) => {
  const ms = typeof value === 'string' && /Z$/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? new Wrong('a time such as 2026-01-31T18:00:00.000Z') : ms;
};

function orNull<T>(check: Check<T>): Check<T | null> {
  return (value) => (value === null ? null : check(value));
}

function oneOf<T extends string>(values: readonly T[]): Check<T> {
  return (value) => (values.includes(value as T) ? (value as T) : new Wrong(`one of ${values.join(', ')}`));
}
