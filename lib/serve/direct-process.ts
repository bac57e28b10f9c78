/**
 * Direct writes, in a process of their own: SQLite is synchronous, so the door itself would serve no one meanwhile,
 * and a statement that never ends can only be stopped together with its process.
 *
 * It is sent a batch at a time and answers with what became of each item, in order; items behind an outage, or that
 * there was no time for, have no answer and are spooled. A thread beside it ends the process when one item runs longer
 * than SQLITE_TIMEOUT, and says which on descriptor 4. It ends with the door.
 */
import { Worker as Thread } from 'node:worker_threads';
import { type Config, loadConfig } from '../config.ts';
import { messageOf } from '../errors.ts';
import { openSink, type Sink, SinkOutage } from '../sink/sink.ts';
import { type EntryError, parseEntryText } from '../spool/entry.ts';
import { ledgerKey, spoolIdentity } from '../spool/identity.ts';
import { appendDirect, Journal } from '../spool/journal.ts';
import { type Spool, spoolAt } from '../spool/layout.ts';
import { appendOwnFile } from '../spool/publish.ts';
import { readStats } from '../spool/stats.ts';
import { applyItems, type Result } from '../worker/apply.ts';
import type { Item } from '../worker/intake.ts';
import { openLog } from '../worker/log.ts';
import { journalLine, withoutLine } from '../worker/settle.ts';
import { forgetInHand, InHand, leftInHand, readInHand } from './in-hand.ts';

export interface DirectItem {
  /** The name it would have in pending/: its ledger key is the same there. */
  readonly name: string;
  readonly text: string;
}

export interface DirectBatch {
  readonly items: readonly DirectItem[];
  /** They may have been applied by a process that was ended before it could say so. */
  readonly isAgain: boolean;
}

export type DirectOutcome =
  | { readonly kind: 'applied'; readonly duplicateRow?: true }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'failed'; readonly error: EntryError; readonly transient: boolean };

export interface DirectReport {
  /** Of the first items; none of the others was tried, or it was undone. */
  readonly outcomes: readonly DirectOutcome[];
  /** Why the others were not. */
  readonly outage?: string;
}

/** Others wait for the lock as well, the worker among them, and the client for an answer. */
const BUSY_TIMEOUT_MS = 250;
/** An open connection would keep a restore from putting another database in this one's place. */
const CLOSE_AFTER_MS = 500;

/** Names the items that are stopped: the index, on a line. */
const STOPPED_FD = 4;
const GUARD = `
const { workerData: { cells, ms } } = require('node:worker_threads');
let seen = 0, since = performance.now(), looked = since;
setInterval(() => {
  const now = performance.now(), state = Atomics.load(cells, 0);
  if (now - looked > 1000) since += now - looked;
  looked = now;
  if (state !== seen) { seen = state; since = now; }
  else if (state % 2 === 1 && now - since > ms && Atomics.compareExchange(cells, 0, state, -1) === state) {
    require('node:fs').writeSync(${STOPPED_FD}, cells[1] + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
}, 50);
`;

/** Is that process, until the door ends. */
export function runDirectProcess(): void {
  const config = loadConfig(process.env, () => {});
  const writer = new DirectWriter(config, spoolAt(config.baseDir));
  process.on('message', (batch: DirectBatch) => process.send?.(writer.write(batch)));
  process.on('disconnect', () => {
    writer.end();
    process.exit(0);
  });
  // Signals of the terminal are for the door, which ends this process when it is done.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
}

class DirectWriter {
  readonly #config: Config;
  readonly #spool: Spool;
  /** 0: even between items, odd inside one, -1 given up. 1: the item's index. */
  readonly #cells = new Int32Array(new SharedArrayBuffer(8));
  #sink: Sink | undefined;
  #wasThere = false;
  #identity: string | undefined;
  readonly #inHand: InHand;
  /** What others have left in hand is not looked at yet. */
  #mayBeLeft = true;
  #closing: NodeJS.Timeout | undefined;

  constructor(config: Config, spool: Spool) {
    this.#config = config;
    this.#spool = spool;
    this.#inHand = new InHand(spool);
    new Thread(GUARD, {
      eval: true,
      workerData: { cells: this.#cells, ms: config.statementTimeout },
    }).unref();
  }

  write({ items, isAgain }: DirectBatch): DirectReport {
    clearTimeout(this.#closing);
    const outcomes: DirectOutcome[] = [];
    try {
      this.#identity ??= spoolIdentity(this.#spool);
      if (this.#mayBeLeft) this.#finishLeft();
      const taken = items.map((item) => this.#itemOf(item));
      if (items.length > 0) this.#inHand.take(items);
      const { outage } = this.#apply(taken, isAgain, outcomes);
      this.#inHand.settle();
      return outage === undefined ? { outcomes } : { outcomes, outage };
    } catch (error) {
      return { outcomes, outage: messageOf(error) };
    } finally {
      this.#closing = setTimeout(() => this.#close(), items.length > 0 ? CLOSE_AFTER_MS : 0);
    }
  }

  end(): void {
    this.#inHand.end();
  }

  /** @throws SinkOutage; what they have left is looked at again then. */
  #finishLeft(): void {
    for (const pid of leftInHand(this.#spool)) {
      try {
        this.#journalLeft(readInHand(this.#spool, pid));
      } catch (error) {
        if (error instanceof SinkOutage) throw error;
        openLog(this.#spool)('warn', `direct writes may be missing in the journal: ${messageOf(error)}`);
      }
      forgetInHand(this.#spool, pid);
    }
    this.#mayBeLeft = false;
  }

  /** Their process was killed; behind its COMMIT, if the ledger has them. */
  #journalLeft(left: readonly DirectItem[]): void {
    if (left.length === 0) return;
    const items = left.map((item) => this.#itemOf(item));
    const keys = this.#open().applied(items.map(({ key }) => key));
    const missing = withoutLine(
      { journal: new Journal(this.#spool), config: this.#config },
      items.filter(({ key }) => keys.has(key)),
    );
    const now = new Date().toISOString();
    if (missing.length > 0) appendDirect(this.#spool, ...missing.map((item) => journalLine(item, now)));
  }

  #apply(items: readonly Item[], isAgain: boolean, outcomes: DirectOutcome[]): { outage?: string } {
    const sink = this.#open();
    if (items.length === 0) {
      // It is only asked whether it can be written to.
      sink.begin();
      sink.rollback();
    }
    const deadline = performance.now() + this.#config.statementTimeout;
    while (outcomes.length < items.length && performance.now() < deadline) {
      const start = outcomes.length;
      const progress = applyItems(sink, items.slice(start), {
        enter: (item) => this.#enter(items.indexOf(item, start)),
        leave: () => this.#leave(),
        settle: (results) => {
          this.#wasThere = true;
          this.#record(results, isAgain);
          for (const { outcome } of results) outcomes.push(outcome);
        },
      });
      if (progress.outage) return { outage: progress.outage.message };
    }
    return {};
  }

  #itemOf({ name, text }: DirectItem): Item {
    const entry = parseEntryText(text, name);
    const key = ledgerKey(this.#identity as string, name, entry);
    return { name, entry, text, values: [], key, target: this.#config.database };
  }

  #open(): Sink {
    if (this.#sink?.changed()) this.#close();
    const config = this.#config;
    this.#sink ??= openSink(config.database, {
      busyTimeout: Math.min(config.busyTimeout, BUSY_TIMEOUT_MS, config.statementTimeout / 2),
      exactlyOnce: config.exactlyOnce,
      allowAttach: config.allowAttach,
      mustExist: this.#wasThere || readStats(this.#spool).databases.includes(config.database),
      createDirectory: true,
      statementTimeout: config.statementTimeout,
      connectTimeout: Math.min(config.busyTimeout, BUSY_TIMEOUT_MS),
      warn: (message) => openLog(this.#spool)('warn', message),
    });
    return this.#sink;
  }

  #close(): void {
    this.#sink?.close();
    this.#sink = undefined;
  }

  /** The database has them already: a spool that is full now costs their journal lines, not the writes. */
  #record(results: readonly Result[], isAgain: boolean): void {
    const applied = results.filter(({ outcome }) => outcome.kind === 'applied' || isCommitted(outcome));
    const perhaps = isAgain ? results.filter(({ outcome }) => outcome.kind === 'duplicate') : [];
    try {
      const written = [...this.#withoutLine(perhaps), ...applied];
      if (written.length === 0) return;
      appendOwnFile(this.#spool.direct, '.'.repeat(written.length));
      const appliedAt = new Date().toISOString();
      appendDirect(this.#spool, ...written.map(({ item, outcome }) => journalLine(item, appliedAt, outcome)));
    } catch (error) {
      openLog(this.#spool)('warn', `direct writes are missing in the journal: ${messageOf(error)}`);
    }
  }

  #withoutLine(results: readonly Result[]): Result[] {
    if (results.length === 0) return [];
    const known = new Journal(this.#spool).recent(new Set(results.map(({ item }) => item.name)));
    const names = new Set(known.map(({ name }) => name));
    return results.filter(({ item }) => item.entry.id === undefined && !names.has(item.name));
  }

  #enter(index: number): void {
    this.#cells[1] = index;
    Atomics.add(this.#cells, 0, 1);
  }

  /** Never returns when the guard has given the item up: the process is about to be killed. */
  #leave(): void {
    const state = Atomics.load(this.#cells, 0);
    if (state === -1 || Atomics.compareExchange(this.#cells, 0, state, (state + 1) & 0x3fffffff) !== state) {
      Atomics.wait(this.#cells, 0, -1);
    }
  }
}

function isCommitted(outcome: Result['outcome']): boolean {
  return outcome.kind === 'failed' && outcome.committed === true;
}
