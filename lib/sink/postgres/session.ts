/**
 * One connection to the server: made in the background, set up, watched, given up.
 *
 * States: idle (no connection, none asked for), connecting, ready. Whatever fails, the state after it is idle with the
 * error kept, and the next call that needs a connection starts a new one. A server that has stopped answering is found
 * out by knocking: a second connection asks for TLS, which every living server answers at once.
 */
import { connect, type Socket } from 'node:net';
import pg, { type Connection } from 'pg';
import { codeOf, messageOf } from '../../errors.ts';
import { LEDGER } from '../plan.ts';
import { type Access, accessOf } from './credentials.ts';
import { Outage, ServerError } from './errors.ts';
import type { SessionOptions } from './orders.ts';
import { type BlockResult, type Statement, Wire } from './wire.ts';

/** Without a word for this long, the server is knocked at. */
const SILENCE_MS = 1000;
/** A living server answers sooner, however busy it is. */
const KNOCK_MS = 3000;
/** What a cancelled statement may take to end. */
const CANCEL_GRACE_MS = 3000;
/** A connection that nobody uses is given back: others may wait for one. */
const IDLE_MS = 2000;
const IMPATIENT_MS = 100;
const CREATE_TRIES = 5;
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

export class Session {
  readonly #options: SessionOptions;
  #wire: Wire | undefined;
  #connecting: Promise<void> | undefined;
  #access: Access | undefined;
  #key: { processID: number; secretKey: number } | undefined;
  #failure: Outage | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** The schema that holds the queue's own tables, quoted. */
  schema = '';

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
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((done) => {
      timer = setTimeout(() => done('late'), ms);
    });
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
      throw outageOf(error);
    } finally {
      stop();
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

  /** Makes the session as new: settings, temporary tables, locks, prepared statements. */
  async reset(): Promise<void> {
    if (!this.#wire) return;
    const [result] = await this.run([[...this.#wire.forget(), { sql: 'DISCARD ALL' }]], { fresh: true });
    if (result?.error) this.close();
  }

  /** The statements are parsed anew from now on. */
  async forget(): Promise<void> {
    if (this.#wire) await this.run([this.#wire.forget()], { fresh: true });
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

  /** Finds the ledger, or makes it; several spools may be at it at once. */
  async #setUp(wire: Wire): Promise<void> {
    const find =
      `SELECT coalesce((SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace ` +
      `WHERE c.oid = to_regclass('${LEDGER}')), current_schema()), to_regclass('${LEDGER}') IS NOT NULL`;
    for (let tries = 0; ; tries++) {
      const [found] = await this.#runOn(wire, [[{ sql: find }]], { fresh: true, keepRows: true });
      if (found?.error) throw ownFault(found.error);
      const [schema, isThere] = found?.rows[0] ?? [];
      if (!schema) {
        const hint = 'Set search_path for this user, or create the schema that it names.';
        throw new Outage('3F000', 'there is no schema to keep the ledger in', { hint });
      }
      this.schema = `"${schema.replaceAll('"', '""')}"`;
      if (isThere === 't' || !this.#options.exactlyOnce) return;
      const create = `CREATE TABLE IF NOT EXISTS ${this.ledger}(id text PRIMARY KEY, applied_at bigint NOT NULL)`;
      const [made] = await this.#runOn(wire, [[{ sql: create }]], { fresh: true });
      // Two at once: one is told that a type or a row of the catalogue is there already.
      const isRace = /^(23505|42P07|42710|40001|XX000)$/.test(made?.error?.code ?? '');
      if (made?.error && !(isRace && tries < CREATE_TRIES)) throw ownFault(made.error);
    }
  }

  /** Watches over an exchange: its time, and that the server lives. */
  #watch(wire: Wire, budget: number): () => void {
    const began = performance.now();
    let knocked = began;
    let cancelledAt = 0;
    let knock: Socket | undefined;
    const dead = (what: string): void => wire.destroy(new Outage('08006', what));
    const timer = setInterval(() => {
      const now = performance.now();
      if (cancelledAt === 0 && now - began > budget) {
        cancelledAt = now;
        this.cancelled = true;
        this.#cancel();
      }
      if (cancelledAt > 0 && now - cancelledAt > CANCEL_GRACE_MS)
        dead('the server does not stop a statement');
      if (now - Math.max(wire.heard, knocked) < SILENCE_MS || knock) return;
      knocked = now;
      knock = this.#knock((lives) => {
        knock = undefined;
        knocked = performance.now();
        if (!lives) dead('the server does not answer');
      });
    }, 50);
    return () => {
      clearInterval(timer);
      knock?.destroy();
    };
  }

  /** Any answer will do. A refusal is one too: it is the kernel's, and the server is gone. */
  #knock(answer: (lives: boolean) => void): Socket {
    const socket = this.#reach();
    const timer = setTimeout(() => settle(false), KNOCK_MS);
    let isSettled = false;
    const settle = (lives: boolean): void => {
      clearTimeout(timer);
      if (!isSettled) answer(lives);
      isSettled = true;
      socket.destroy();
    };
    socket.on('connect', () => socket.write(SSL_REQUEST));
    socket.on('data', () => settle(true));
    socket.on('error', () => settle(false));
    // A server that is out of connections closes it without a word.
    socket.on('end', () => settle(true));
    socket.on('close', () => clearTimeout(timer));
    return socket;
  }

  #cancel(): void {
    if (!this.#key) return;
    const { processID, secretKey } = this.#key;
    const request = Buffer.alloc(16);
    request.writeInt32BE(16, 0);
    request.writeInt32BE(80877102, 4);
    request.writeInt32BE(processID, 8);
    request.writeInt32BE(secretKey, 12);
    const socket = this.#reach();
    socket.on('error', () => {});
    socket.on('connect', () => socket.end(request));
    socket.setTimeout(CANCEL_GRACE_MS, () => socket.destroy());
  }

  #reach(): Socket {
    const { host = '', port = 5432 } = this.#access?.client ?? {};
    return host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  }
}

/** What fails in a statement of ours is never an entry's fault. */
export function ownFault(error: ServerError): Outage {
  return new Outage(error.code, error.message);
}

/** Why there is no connection, or no more. */
function outageOf(error: unknown): Outage {
  if (error instanceof Outage) return error;
  if (error instanceof ServerError) return ownFault(error);
  // Several addresses, none of which answers: each has an error of its own.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const message = messageOf(first);
  if (message === 'timeout expired') return new Outage('08001', 'the server does not answer');
  return new Outage(codeOf(first) ?? '08006', message);
}
