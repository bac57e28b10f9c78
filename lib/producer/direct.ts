/**
 * What a producer needs now and then, and pays for only then: the direct write, and structured rows.
 *
 * The direct write: the same SQL, at once, without the spool. For USE_QUEUE=false and for a spool that can't be
 * written. It is recorded in the ledger, and in the journal when the spool is there, so that point-in-time
 * recovery knows of it.
 *
 * Built as dist/direct.cjs and loaded on demand (load-direct.ts): producers that only spool carry no SQL engine.
 */
import { type Config, holdsPassword, targetOf } from '../config.ts';
import { type ErrorCode, messageOf, QueueError } from '../errors.ts';
import { callText } from '../sink/call.ts';
import { EntryFault, SinkOutage } from '../sink/outage.ts';
import { fieldValue, parseRow, ROW_PARAMS } from '../sink/row.ts';
import { openSink } from '../sink/sink.ts';
import { type Entry, entryName, serializeEntry } from '../spool/entry.ts';
import { ledgerKey, spoolIdentity } from '../spool/identity.ts';
import { appendDirect, Journal } from '../spool/journal.ts';
import { checkSpool, type Spool } from '../spool/layout.ts';
import { appendOwnFile } from '../spool/publish.ts';
import { formatSequence, uniqueMicros } from '../spool/sequence.ts';
import type { WriteRequest } from './enqueue.ts';
import type { Failure } from './load.ts';

export interface DirectSuccess {
  /** It was a structured row that is there already. */
  readonly isDuplicateRow: boolean;
}

/** Applies one entry to its database and commits. */
export function writeDirect(
  config: Config,
  spool: Spool,
  draft: Omit<Entry, 'seq'>,
): Failure | DirectSuccess {
  try {
    return write(config, spool, draft);
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    const isInDoubt = error instanceof SinkOutage && error.inDoubt;
    const message = `${error.message}${isInDoubt ? '; it is not known whether the database has it' : ''}`;
    return failureOf(error.code, { message, hint: error.hint });
  }
}

/**
 * The request for a row in the place of one whose parts (ROW_PARAMS, spelled as JavaScript or a command line does) stand
 * among its options. All is checked but what only the database knows.
 * @param code of the failure.
 */
export function rowRequest(given: object, code: ErrorCode): WriteRequest | Failure {
  const params: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    const name = key.replace(/-|(?=[A-Z])/g, '_').toLowerCase();
    const isPart = (ROW_PARAMS as readonly string[]).includes(name);
    if (value !== undefined) (isPart ? params : rest)[isPart ? name : key] = value;
  }
  try {
    const { data } = parseRow(params);
    for (const [field, value] of Object.entries(data)) if (value !== undefined) fieldValue(value, field);
    return { operation: 'insert', ...rest, sql: callText(Object.keys(params)), params };
  } catch (error) {
    if (!(error instanceof EntryFault)) throw error;
    return failureOf(code, error);
  }
}

/** Of a URL that an entry is to name. */
export function checkUrl(url: string): object | Failure {
  if (!holdsPassword(url)) return {};
  return failureOf('USAGE', {
    message: 'the URL of the database holds a password, and an entry is a file',
    hint: 'Leave it out of the URL: put it into ~/.pgpass (mode 0600), or name the database in HIVE_DB.',
  });
}

/**
 * True when the journal says of an applied entry that its row was there already. After a crash between COMMIT and the
 * journal it does not say so.
 */
export function wasDuplicateRow(spool: Spool, name: string): boolean {
  const lines = new Journal(spool).recent(new Set([name]));
  return lines.some(({ isDuplicateRow }) => isDuplicateRow);
}

function failureOf(
  code: ErrorCode,
  { message, hint }: { message: string; hint: string | undefined },
): Failure {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

function write(config: Config, spool: Spool, draft: Omit<Entry, 'seq'>): Failure | DirectSuccess {
  const seq = formatSequence(uniqueMicros());
  const entry = { seq, ...draft } as Entry;
  const name = entryName(entry.priority, seq);
  const isSpoolUsable = usable(spool);
  const key = ledgerKey(isSpoolUsable ? spoolIdentity(spool) : 'direct', name, entry);
  const target = targetOf(config, entry.db);
  const sink = openSink(target, {
    busyTimeout: config.busyTimeout,
    exactlyOnce: config.exactlyOnce,
    allowAttach: config.allowAttach,
    mustExist: false,
    createDirectory: target === config.database,
    statementTimeout: config.statementTimeout,
    connectTimeout: config.busyTimeout,
    warn: (message) => process.emitWarning(message),
  });
  try {
    const outcome = sink.applyAlone(entry, key);
    if (outcome.kind === 'failed' || outcome.kind === 'broken') {
      const { code, message, hint } = outcome.error;
      return {
        code: 'ENTRY_FAILED',
        message: `${code}: ${message}`,
        ...(hint === undefined ? {} : { hint }),
      };
    }
    const isDuplicateRow = outcome.kind === 'applied' && outcome.duplicateRow === true;
    if (isSpoolUsable && outcome.kind === 'applied') record(spool, entry, name, key, isDuplicateRow);
    return { isDuplicateRow };
  } finally {
    sink.close();
  }
}

/** The database has the entry already: a spool that is full now costs its journal line, not the write. */
function record(spool: Spool, entry: Entry, name: string, key: string, isDuplicateRow: boolean): void {
  try {
    appendOwnFile(spool.direct, '.');
    const appliedAt = new Date().toISOString();
    const line = { text: serializeEntry(entry), name, key, appliedAt };
    appendDirect(spool, isDuplicateRow ? { ...line, isDuplicateRow } : line);
  } catch (error) {
    process.emitWarning(`a direct write is missing in the journal: ${messageOf(error)}`);
  }
}

function usable(spool: Spool): boolean {
  try {
    if (!checkSpool(spool)) return false;
    spoolIdentity(spool);
    return true;
  } catch {
    return false;
  }
}
