/**
 * One connection to the server: made in the background, set up, watched, given up.
 *
 * States: idle (no connection, none asked for), connecting, ready. Whatever fails, the state after it is idle with the
 * error kept, and the next call that needs a connection starts a new one. A server that has stopped answering is found
 * out by knocking: a second connection asks for TLS, which every living server answers at once. One that answers and yet
 * gets nothing done (its disk hangs, its standby is gone) is found out by a write: after a connection has broken, the
 * next one is ready only once it has written something.
 */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import pg, { type Connection } from 'pg';
import { codeOf, messageOf } from '../../errors.ts';
import { LEDGER, SAVEPOINT } from '../plan.ts';
import { type Access, accessOf } from './credentials.ts';
import { Outage, ownFault, ServerError } from './errors.ts';
import { findLedger } from './home.ts';
import type { SessionOptions } from './orders.ts';
import { type BackendKey, CANCEL_GRACE_MS, cancel, knock } from './reach.ts';
import { type BlockResult, type Statement, Wire } from './wire.ts';

/** Without a word for this long, the server is knocked at. */
const SILENCE_MS = 1000;
/** A connection that nobody uses is given back: others may wait for one. */
const IDLE_MS = 2000;
const IMPATIENT_MS = 100;
const CANCEL_AGAIN_MS = 200;
/** A write that takes longer says that the server is slow, whatever runs on it. */
const SLOW_WRITE_MS = 1000;

export class Session {
  readonly #options: SessionOptions;
  #wire: Wire | undefined;
  #connecting: Promise<void> | undefined;
  #access: Access | undefined;
  #key: BackendKey | undefined;
  #cancelling: Promise<void> | undefined;
  /** The last connection broke while it was in use. */
  #isDoubted = false;
  #failure: Outage | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** The schema that holds the queue's own tables, quoted. */
  schema = '';
  /** The database can hold every text. */
  isUnicode = true;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get ledger(): string {
    return `${this.schema}.${LEDGER}`;
  }

  /** How many connections there have been: what was known of the database holds for one. */
  connections = 0;

  /** The last statement was cancelled by us, for running too long. */
  cancelled = false;

  /**
   * Resolves when there is a connection. Waits for at most `ms`; connecting goes on after that.
   * @throws Outage when there is none yet, with the reason of the last failure if there was one.
   */
  async ready(ms: number): Promise<void> {
    clearTimeout(this.#idle);
    if (this.#wire) return;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    const { promise: late, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(resolve, ms, 'late');
    const how = await Promise.race([this.#connecting, late]);
    clearTimeout(timer);
    if (this.#wire) return;
    const waiting = new Outage('CONNECTING', 'the server does not answer yet');
    throw how === 'late' ? (this.#failure ?? waiting) : (this.#failure as Outage);
  }

  /** To be called when there is nothing to do: the connection is given back after a while. */
  rest(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.close(), IDLE_MS);
  }

  /**
   * Runs blocks of statements.
   * @param options.budget milliseconds after which what runs is cancelled; see `cancelled`.
   * @throws Outage when the connection is lost or the server falls silent.
   */
  async run(
    blocks: readonly (readonly Statement[])[],
    options: { budget?: number; fresh?: boolean; keepRows?: boolean } = {},
  ): Promise<BlockResult[]> {
    const wire = this.#wire;
    if (!wire) throw this.#failure ?? new Outage('08006', 'the connection was lost');
    return this.#runOn(wire, blocks, options);
  }

  async #runOn(
    wire: Wire,
    blocks: readonly (readonly Statement[])[],
    options: { budget?: number; fresh?: boolean; keepRows?: boolean },
  ): Promise<BlockResult[]> {
    this.cancelled = false;
    const budget = options.budget ?? this.#options.statementTimeout + this.#options.lockTimeout;
    const stop = this.#watch(wire, budget);
    try {
      return await wire.run(blocks, options);
    } catch (error) {
      if (this.#wire === wire) this.#wire = undefined;
      this.#isDoubted = true;
      throw outageOf(error, true);
    } finally {
      stop();
      await this.#cancelling;
    }
  }

  /** false: a lock was not to be had lately, so that it is only looked whether it is free. */
  isPatient = true;

  /** The first statements of every transaction: an entry of before may have changed the session. */
  get begin(): Statement[] {
    const { statementTimeout, lockTimeout } = this.#options;
    return [
      { sql: 'BEGIN' },
      { sql: `SET LOCAL statement_timeout = ${statementTimeout}` },
      { sql: `SET LOCAL lock_timeout = ${this.isPatient ? lockTimeout : IMPATIENT_MS}` },
    ];
  }

  /** A statement has changed the session behind the queue's back, as far as the server says so. */
  get isChanged(): boolean {
    return this.#wire?.isChanged === true;
  }

  /** Makes the session as new: settings, temporary tables, locks, prepared statements. Never throws. */
  async reset(): Promise<void> {
    this.#wire?.forget();
    await this.#tidy([{ sql: 'DISCARD ALL' }]);
    if (this.#wire) this.#wire.isChanged = false;
  }

  /** The statements are parsed anew from now on. Never throws. */
  async forget(): Promise<void> {
    if (this.#wire) await this.#tidy(this.#wire.forget());
  }

  /** What has been committed stays so when the connection breaks over this: the next one is as new. */
  async #tidy(statements: readonly Statement[]): Promise<void> {
    if (!this.#wire) return;
    try {
      const [result] = await this.run([statements], { fresh: true });
      if (result?.error) this.close();
    } catch {
      this.close();
    }
  }

  /** @throws Outage when the server takes no writes now. */
  async mustBeWritable(): Promise<void> {
    const look = { sql: "SELECT current_setting('transaction_read_only')" };
    const [result] = await this.run([[look]], { fresh: true, keepRows: true });
    if (result?.error) throw ownFault(result.error);
    if (result?.rows[0]?.[0] === 'on') throw new Outage('25006', 'it is read-only');
  }

  /** @throws Outage when a small write takes long: what ran for too long was not to blame. */
  async mustBeQuick(): Promise<void> {
    const began = performance.now();
    const most = Math.max(SLOW_WRITE_MS, this.#options.statementTimeout / 4);
    if (this.#wire) await this.#tryWriting(this.#wire, most);
    if (performance.now() - began > most)
      throw new Outage('57014', 'the server is too slow: nothing is to blame for the time it takes');
  }

  /** The connection is of no use any more. */
  destroy(why: Error): void {
    this.#wire?.destroy(new Outage('08006', why.message));
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#wire?.end();
    this.#wire = undefined;
  }

  /** Never rejects: the failure is kept. */
  async #connect(): Promise<void> {
    let wire: Wire | undefined;
    try {
      this.#access = accessOf(this.#options.url);
      wire = await this.#open(this.#access);
      await this.#setUp(wire);
      if (this.#isDoubted) await this.#tryWriting(wire);
      this.#isDoubted = false;
      this.#wire = wire;
      this.connections += 1;
      this.#failure = undefined;
    } catch (error) {
      wire?.end();
      this.#failure = error instanceof Outage ? error : outageOf(error);
    }
  }

  async #open({ client, ssl, connectTimeoutMs }: Access): Promise<Wire> {
    for (const [index, way] of ssl.entries()) {
      const attempt = new pg.Client({ ...client, ssl: way, connectionTimeoutMillis: connectTimeoutMs });
      attempt.on('error', () => {});
      try {
        await attempt.connect();
      } catch (error) {
        (attempt as unknown as { connection: Connection }).connection.stream.destroy();
        const mayBeTheWay = /SSL|pg_hba|encryption/i.test(messageOf(error)) || codeOf(error) === '28000';
        if (index + 1 < ssl.length && mayBeTheWay) continue;
        throw error;
      }
      const { connection, processID, secretKey } = attempt as unknown as {
        connection: Connection;
        processID: number;
        secretKey: number;
      };
      this.#key = { processID, secretKey };
      const wire = new Wire(connection, () => {
        if (this.#wire === wire) this.#wire = undefined;
      });
      return wire;
    }
    throw new Outage('BAD_TARGET', 'there is no way to connect');
  }

  async #setUp(wire: Wire): Promise<void> {
    const ask = async (sql: string): Promise<BlockResult> =>
      (await this.#runOn(wire, [[{ sql }]], { fresh: true, keepRows: true }))[0] as BlockResult;
    const { schema, isUnicode } = await findLedger(ask, this.#options.exactlyOnce);
    this.schema = schema;
    this.isUnicode = isUnicode;
  }

  /** Commits a transaction that has written and leaves nothing behind. @throws Outage. */
  async #tryWriting(wire: Wire, budget?: number): Promise<void> {
    if (!this.#options.exactlyOnce) return;
    // Of its own, or one that hangs would keep the others waiting.
    const row = `INSERT INTO ${this.ledger} VALUES ('probe ${randomUUID()}', 0)`;
    const texts = [`SAVEPOINT ${SAVEPOINT}`, row, `ROLLBACK TO ${SAVEPOINT}`, 'COMMIT'];
    const block = [...this.begin, ...texts.map((sql) => ({ sql }))];
    const [result] = await this.#runOn(wire, [block], { fresh: true, ...(budget ? { budget } : {}) });
    if (result?.error) throw ownFault(result.error);
  }

  /** Watches over an exchange: its time, and that the server lives. */
  #watch(wire: Wire, budget: number): () => void {
    const began = performance.now();
    let knocked = began;
    let cancelledAt = 0;
    let asked = 0;
    let knocking: Socket | undefined;
    const dead = (what: string): void => wire.destroy(new Outage('08006', what));
    const timer = setInterval(() => {
      const now = performance.now();
      if (now - began > budget && now - asked > CANCEL_AGAIN_MS && !this.#cancelling) {
        cancelledAt ||= now;
        asked = now;
        this.cancelled = true;
        // Again and again: between two statements the server takes no notice.
        this.#cancelling = cancel(this.#access, this.#key).finally(() => {
          this.#cancelling = undefined;
        });
      }
      if (cancelledAt > 0 && now - cancelledAt > CANCEL_GRACE_MS)
        dead('the server does not stop a statement');
      if (now - Math.max(wire.heard, knocked) < SILENCE_MS || knocking) return;
      knocked = now;
      knocking = knock(this.#access, (lives) => {
        knocking = undefined;
        knocked = performance.now();
        if (!lives) dead('the server does not answer');
      });
    }, 50);
    return () => {
      clearInterval(timer);
      knocking?.destroy();
    };
  }
}

/** Why there is no connection, or, `isBroken`, no more. */
function outageOf(error: unknown, isBroken = false): Outage {
  if (error instanceof Outage || error instanceof ServerError)
    return new Outage(error instanceof Outage ? error.reason : error.code, error.message, {
      hint: error.hint,
      isBroken,
    });
  // Several addresses, none of which answers: each has an error of its own.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const message = messageOf(first);
  // The driver's word for none.
  if (/^SASL:.*password must be a/.test(message))
    return new Outage('28P01', 'the server asks for a password, and there is none');
  if (message === 'timeout expired') return new Outage('08001', 'the server does not answer');
  return new Outage(codeOf(first) ?? '08006', message, { isBroken });
}
