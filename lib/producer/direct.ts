/**
 * The direct write: the same SQL, at once, without the spool. For USE_QUEUE=false and for a spool that can't be
 * written. It is recorded in the ledger, and in the journal when the spool is there, so that point-in-time
 * recovery knows of it.
 *
 * Built as dist/direct.cjs and loaded on demand (load-direct.ts): producers that only spool carry no SQL engine.
 */
import { type Config, targetOf } from '../config.ts';
import { type ErrorCode, messageOf, QueueError } from '../errors.ts';
import { openSink, SinkOutage } from '../sink/sink.ts';
import { type Entry, entryName, serializeEntry } from '../spool/entry.ts';
import { ledgerKey, spoolIdentity } from '../spool/identity.ts';
import { appendDirect } from '../spool/journal.ts';
import { checkSpool, type Spool } from '../spool/layout.ts';
import { appendOwnFile } from '../spool/publish.ts';
import { formatSequence, uniqueMicros } from '../spool/sequence.ts';

/** Why a direct write failed; plain data, because errors of another bundle are of another class. */
export interface DirectFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** Applies one entry to its database and commits. @returns undefined when the database has it. */
export function writeDirect(
  config: Config,
  spool: Spool,
  draft: Omit<Entry, 'seq'>,
): DirectFailure | undefined {
  try {
    return write(config, spool, draft);
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    const { code, hint } = error;
    const isInDoubt = error instanceof SinkOutage && error.inDoubt;
    const message = `${error.message}${isInDoubt ? '; it is not known whether the database has it' : ''}`;
    return { code, message, ...(hint === undefined ? {} : { hint }) };
  }
}

function write(config: Config, spool: Spool, draft: Omit<Entry, 'seq'>): DirectFailure | undefined {
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
    if (isSpoolUsable && outcome.kind === 'applied') record(spool, entry, name, key);
    return undefined;
  } finally {
    sink.close();
  }
}

/** The database has the entry already: a spool that is full now costs its journal line, not the write. */
function record(spool: Spool, entry: Entry, name: string, key: string): void {
  try {
    appendOwnFile(spool.direct, '.');
    const appliedAt = new Date().toISOString();
    appendDirect(spool, { text: serializeEntry(entry), name, key, appliedAt });
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
