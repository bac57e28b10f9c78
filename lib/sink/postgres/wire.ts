/**
 * Many statements in one round trip: the extended protocol, pipelined.
 *
 * pg connects, does TLS and authenticates; from then on its connection is ours, because its queries go one at a time.
 * Statements go in blocks: each ends with a Sync, and the error of one statement makes the server skip the rest of its
 * block, and no more. A text that comes again is prepared under a name and parsed only once, unless `fresh` asks for a
 * new look at it. The names are of this connection alone: behind a pooler, where another client may have been on the
 * server's side of it, a name is this one's or is not there, and what is not there is prepared again.
 */
import { randomBytes } from 'node:crypto';
import type { Connection } from 'pg';
import { serialize } from 'pg-protocol';
import { ServerError } from './errors.ts';

export interface Statement {
  readonly sql: string;
  readonly values?: readonly (string | null)[];
}

export interface BlockResult {
  /** The command tags of the statements that ran, such as `INSERT 0 1`. */
  readonly tags: string[];
  /** The rows of the last statement that returned any. */
  readonly rows: (string | null)[][];
  readonly error?: ServerError;
}

/** What pg's connection has and its types leave out. */
interface RawConnection extends Connection {
  _emitMessage: boolean;
  removeAllListeners(): this;
}

interface Message {
  readonly name: string;
  readonly text?: string;
  readonly fields?: (string | null)[];
  readonly message?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly severity?: string;
  readonly table?: string;
}

interface Exchange {
  readonly blocks: { tags: string[]; rows: (string | null)[][]; error?: ServerError }[];
  /** By block, the names that are being prepared. */
  readonly names: string[][];
  readonly keepRows: boolean;
  at: number;
  /** How many of the block's names are prepared. */
  parsed: number;
  done: (blocks: BlockResult[]) => void;
  fail: (error: Error) => void;
}

const MAX_NAMES = 200;
/** Messages that are sent at a time. */
const PORTION = 100;
/** Characters; a longer text is parsed each time. */
const MAX_LENGTH = 8192;

export class Wire {
  readonly #connection: RawConnection;
  /** By text: the names of prepared statements; '' for a text that came once. */
  #names = new Map<string, string>();
  #prepared = new Set<string>();
  readonly #prefix = `q${randomBytes(6).toString('hex')}_`;
  #count = 0;
  #exchange: Exchange | undefined;
  #lost: Error | undefined;
  /** A FATAL error comes before the connection ends, and says why. */
  #lastError: ServerError | undefined;
  /** performance.now() of the last message. */
  heard = performance.now();
  /** A setting that the server tells of has changed. */
  isChanged = false;

  /** @param onLost called once, when the connection is gone. */
  constructor(connection: Connection, onLost: (error: Error) => void) {
    this.#connection = connection as RawConnection;
    this.#connection.removeAllListeners();
    const lose = (error: Error): void => {
      if (this.#lost) return;
      this.#lost = this.#lastError ?? error;
      this.#connection.stream.destroy();
      this.#exchange?.fail(this.#lost);
      onLost(this.#lost);
    };
    this.#connection.on('error', lose);
    this.#connection.on('end', () => lose(new Error('the server closed the connection')));
    this.#connection._emitMessage = true;
    this.#connection.on('message', (message: Message) => this.#receive(message));
  }

  get lost(): Error | undefined {
    return this.#lost;
  }

  /** Sends blocks and resolves when all are answered; rejects when the connection is lost. */
  run(
    blocks: readonly (readonly Statement[])[],
    { fresh = false, keepRows = false } = {},
  ): Promise<BlockResult[]> {
    if (this.#lost) return Promise.reject(this.#lost);
    if (this.#exchange) return Promise.reject(new Error('two exchanges at once'));
    const names: string[][] = [];
    const results = blocks.map(() => ({ tags: [], rows: [] }));
    const answered = new Promise<BlockResult[]>((done, fail) => {
      this.#exchange = { blocks: results, names, keepRows, at: 0, parsed: 0, done, fail };
    });
    this.heard = performance.now();
    try {
      this.#send(blocks, fresh, names);
    } catch (error) {
      // Of what could not be made, the server may have the beginning.
      this.#exchange = undefined;
      this.destroy(error as Error);
      throw error;
    }
    return answered;
  }

  /** @param names gets, by block, the names that are being prepared. */
  #send(blocks: readonly (readonly Statement[])[], fresh: boolean, names: string[][]): void {
    const bytes: Buffer[] = [];
    for (const block of blocks) {
      const inBlock: string[] = [];
      names.push(inBlock);
      for (const statement of block) {
        this.#serialize(bytes, statement, fresh, inBlock);
        // The server works on these while the next are made.
        if (bytes.length >= PORTION) this.#connection.stream.write(Buffer.concat(bytes.splice(0)));
      }
      bytes.push(serialize.sync());
    }
    this.#connection.stream.write(Buffer.concat(bytes));
  }

  /** The statements are to be parsed anew: what they mean may have changed. */
  forget(): Statement[] {
    this.#names.clear();
    this.#prepared.clear();
    return [{ sql: 'DEALLOCATE ALL' }];
  }

  end(): void {
    if (this.#lost) return;
    this.#lost = new Error('the connection was closed');
    this.#connection.stream.end(serialize.end());
  }

  destroy(why: Error): void {
    this.#connection.stream.destroy(why);
  }

  #serialize(bytes: Buffer[], { sql, values = [] }: Statement, fresh: boolean, inBlock: string[]): void {
    const name = fresh ? '' : this.#nameFor(sql);
    const isKnown = name !== '' && (this.#prepared.has(name) || inBlock.includes(name));
    if (!isKnown) {
      bytes.push(serialize.parse({ name, text: sql, types: [] }));
      inBlock.push(name);
    }
    bytes.push(serialize.bind({ statement: name, values: values as string[] }), serialize.execute());
  }

  /** A text gets a name when it comes for the second time. */
  #nameFor(sql: string): string {
    if (sql.length > MAX_LENGTH) return '';
    const known = this.#names.get(sql);
    if (known) return known;
    if (known === undefined) {
      // Texts that hold their values as literals never come again.
      if (this.#names.size >= 4 * MAX_NAMES) this.#dropUnnamed();
      this.#names.set(sql, '');
      return '';
    }
    if (this.#count >= MAX_NAMES) return '';
    const name = `${this.#prefix}${++this.#count}`;
    this.#names.set(sql, name);
    return name;
  }

  #dropUnnamed(): void {
    for (const [sql, name] of this.#names) if (name === '') this.#names.delete(sql);
  }

  /** A name that is not there, or that is: the same again without it. */
  #errorOf(message: Message): ServerError {
    const error = new ServerError(message as Message & { message: string });
    if (!/^(26000|42P05)$/.test(error.code) || !error.message.includes(this.#prefix)) return error;
    this.#names.clear();
    this.#prepared.clear();
    return new ServerError({ ...error, message: error.message, code: '40001' });
  }

  #receive(message: Message): void {
    this.heard = performance.now();
    const exchange = this.#exchange;
    if (message.name === 'error') {
      const error = this.#errorOf(message);
      if (error.severity === 'FATAL' || error.severity === 'PANIC' || /^57P/.test(error.code))
        this.#lastError = error;
      const block = exchange?.blocks[exchange.at];
      if (block) block.error ??= error;
      return;
    }
    const block = exchange?.blocks[exchange.at];
    if (!exchange || !block) return;
    switch (message.name) {
      case 'parseComplete': {
        const name = exchange.names[exchange.at]?.[exchange.parsed++];
        if (name) this.#prepared.add(name);
        break;
      }
      case 'parameterStatus':
        this.isChanged = true;
        break;
      case 'dataRow':
        if (exchange.keepRows) block.rows.push(message.fields ?? []);
        break;
      case 'commandComplete':
        block.tags.push(message.text ?? '');
        break;
      case 'emptyQuery':
        block.tags.push('');
        break;
      case 'copyInResponse':
        this.#connection.stream.write(serialize.copyFail('there is no client to copy from'));
        break;
      case 'readyForQuery':
        exchange.at += 1;
        exchange.parsed = 0;
        if (exchange.at === exchange.blocks.length) {
          this.#exchange = undefined;
          exchange.done(exchange.blocks);
        }
        break;
      default:
    }
  }
}
