/**
 * The ledger of a PostgreSQL database: `_queue_ledger(id, applied_at)`, as ../ledger.ts has it. A row that is there
 * already is an error, which makes the server skip the entry's statements behind it.
 */
import { createHash } from 'node:crypto';
import { ownFault } from './errors.ts';
import type { Session } from './session.ts';
import type { BlockResult, Statement } from './wire.ts';

const MAX_KEY_BYTES = 1000;

export class Ledger {
  readonly #session: Session;
  readonly #isKept: boolean;

  constructor(session: Session, isKept: boolean) {
    this.#session = session;
    this.#isKept = isKept;
  }

  /** Of these keys, those that are noted. */
  async find(keys: readonly string[]): Promise<string[]> {
    if (!this.#isKept) return [];
    const byId = new Map(keys.map((key) => [this.#idOf(key), key]));
    const sql = `SELECT id FROM ${this.#session.ledger} WHERE id = ANY($1::text[])`;
    const ask = { sql, values: [arrayOf([...byId.keys()])] };
    const [result] = await this.#session.run([[ask]], { keepRows: true });
    if (result?.error) throw ownFault(result.error);
    return (result?.rows ?? []).map(([id]) => byId.get(id as string) as string);
  }

  /** The statement that notes several keys; none when no ledger is kept. */
  rows(keys: readonly string[]): Statement[] {
    if (!this.#isKept) return [];
    const sql = `INSERT INTO ${this.#session.ledger} SELECT id, $2::bigint FROM unnest($1::text[]) AS id`;
    return [{ sql, values: [arrayOf(keys.map((key) => this.#idOf(key))), String(Date.now())] }];
  }

  /** The same for one. */
  row(key: string): Statement[] {
    if (!this.#isKept) return [];
    const values = [this.#idOf(key), String(Date.now())];
    return [{ sql: `INSERT INTO ${this.#session.ledger} VALUES ($1, $2)`, values }];
  }

  /** The ledger's row, which is statement number `at`, was there already. */
  isDuplicate(result: BlockResult | undefined, at: number): boolean {
    return this.#isKept && result?.error?.code === '23505' && result.tags.length === at;
  }

  /** An index takes no key of any length, and not every database a key of any letters. */
  #idOf(key: string): string {
    const isFit = this.#session.isUnicode || /^[\x20-\x7e]*$/.test(key);
    if (isFit && Buffer.byteLength(key) <= MAX_KEY_BYTES && !key.includes('\0')) return key;
    return `sha256:${createHash('sha256').update(key).digest('hex')}`;
  }
}

/** A list as the text of a PostgreSQL array. */
function arrayOf(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}
