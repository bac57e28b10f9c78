/**
 * The time of an entry that is applied again: SQL that asks for 'now' or CURRENT_TIMESTAMP gets the time at which the
 * entry was applied first, so that a replay makes the rows that were there.
 *
 * SQLite lets a connection put functions in the place of its own; ours hand the time over to the original ones, on a
 * connection to an empty database.
 */
import { type Db, loadDriver, type Prepared } from './driver.ts';

/** The functions that know the time, and how many arguments come before the time. */
const FUNCTIONS: Readonly<Record<string, number>> = {
  date: 0,
  time: 0,
  datetime: 0,
  julianday: 0,
  unixepoch: 0,
  strftime: 1,
};
const KEYWORDS: Readonly<Record<string, string>> = {
  current_date: 'date',
  current_time: 'time',
  current_timestamp: 'datetime',
};

/** @param clock ISO 8601; asked each time that SQL asks for the time. */
export function pinTime(db: Db, clock: () => string): void {
  const original = new (loadDriver(':memory:'))(':memory:');
  const prepared = new Map<string, Prepared>();
  const call = (name: string, args: readonly unknown[]): unknown => {
    const sql = `SELECT ${name}(${args.map(() => '?').join()})`;
    let statement = prepared.get(sql);
    if (!statement) {
      // Whole numbers as BigInt, there and back: a number would be REAL.
      statement = original.prepare(sql).pluck().safeIntegers();
      prepared.set(sql, statement);
    }
    return statement.get(...args);
  };
  // Deterministic, as SQLite's own are for its indexes and CHECKs; within one statement 'now' does not change.
  const options = { varargs: true, deterministic: true, safeIntegers: true };
  for (const [name, before] of Object.entries(FUNCTIONS)) {
    db.function(name, options, (...args: unknown[]) => call(name, withTime(args, before, clock)));
  }
  db.function('timediff', options, (...args: unknown[]) =>
    call(
      'timediff',
      args.map((arg) => timeFor(arg, clock)),
    ),
  );
  for (const [keyword, name] of Object.entries(KEYWORDS)) {
    db.function(keyword, options, () => call(name, [clock()]));
  }
}

/** Without a time value, it is now; so it is for 'now', and for 'subsec', which is 'now' and a modifier in one. */
function withTime(args: readonly unknown[], before: number, clock: () => string): unknown[] {
  if (args.length <= before) return [...args, clock()];
  return args.flatMap((arg, index) => {
    if (index !== before) return [arg];
    return isSubsecond(arg) ? [clock(), arg] : [timeFor(arg, clock)];
  });
}

function timeFor(arg: unknown, clock: () => string): unknown {
  return isSubsecond(arg) || (typeof arg === 'string' && /^now$/i.test(arg)) ? clock() : arg;
}

function isSubsecond(arg: unknown): boolean {
  return typeof arg === 'string' && /^subsec(ond)?$/i.test(arg);
}
