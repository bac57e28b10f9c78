/**
 * Applying a file of migrations to a PostgreSQL database; the promises are those of ../migrate.ts. A lock on
 * `_queue_migrations` and a second look under it keep two spools from applying one twice.
 */
import { badSchema, lineOf, type Migration, readSchema, stampOf, statementsOf } from '../migrations.ts';
import { MIGRATIONS } from '../plan.ts';
import { isConflict, isOutage, Outage, ownFault, type ServerError } from './errors.ts';
import { refusalInMigration } from './plan.ts';
import type { Session } from './session.ts';
import { type Statement, splitStatements } from './statements.ts';

const CREATE_TRIES = 5;

export class Migrator {
  readonly #session: Session;
  readonly #warn: (message: string) => void;
  /** By path, the stamp of the file whose migrations the database has. */
  readonly #known = new Map<string, string>();
  #connection = 0;

  constructor(session: Session, warn: (message: string) => void) {
    this.#session = session;
    this.#warn = warn;
  }

  /** True when nothing is to be done for the file: the database is known to have it, or it is missing. */
  isSettled(path: string): boolean {
    if (this.#connection !== this.#session.connections) this.#known.clear();
    this.#connection = this.#session.connections;
    try {
      const stamp = stampOf(path);
      return stamp === undefined ? this.#skipMissing(path) : this.#known.get(path) === stamp;
    } catch {
      // apply() runs into the same, and says what it is.
      return false;
    }
  }

  /**
   * Applies those migrations of the file that the database lacks.
   * @throws EntryFault BAD_SCHEMA when the file or its SQL is wrong; the migrations before that one stay. Outage.
   */
  async apply(path: string): Promise<void> {
    const file = readSchema(path);
    if (!file) {
      this.#skipMissing(path);
      return;
    }
    const { name, migrations } = file.schema;
    const has = await this.#versionOf(name);
    const missing = migrations.filter(({ version }) => version > has);
    const checked = missing.map((migration) => ({
      migration,
      statements: statementsOf(path, migration, splitStatements, refusalInMigration),
    }));
    for (const { migration, statements } of checked) await this.#run(path, name, migration, statements);
    if (missing.length > 0) await this.#session.reset();
    this.#known.set(path, file.stamp);
  }

  get #table(): string {
    return `${this.#session.schema}.${MIGRATIONS}`;
  }

  async #versionOf(name: string): Promise<number> {
    const create =
      `CREATE TABLE IF NOT EXISTS ${this.#table}(schema text NOT NULL, version integer NOT NULL, ` +
      'title text NOT NULL, applied_at bigint NOT NULL, PRIMARY KEY (schema, version))';
    const there = await this.#ask(`SELECT to_regclass('${this.#table.replaceAll("'", "''")}') IS NOT NULL`);
    for (let tries = 0; there !== 't'; tries++) {
      const [made] = await this.#session.run([[{ sql: create }]], { fresh: true });
      if (!made?.error) break;
      // Two at once: one is told that something of it is there already.
      if (tries >= CREATE_TRIES || !/^(23505|42P07|42710|40001|XX000)$/.test(made.error.code))
        throw ownFault(made.error);
    }
    return Number(await this.#ask(this.#highest, [name]));
  }

  get #highest(): string {
    return `SELECT coalesce(max(version), 0) FROM ${this.#table} WHERE schema = $1`;
  }

  async #ask(sql: string, values: string[] = []): Promise<string | null | undefined> {
    const [result] = await this.#session.run([[{ sql, values }]], { fresh: true, keepRows: true });
    if (result?.error) throw ownFault(result.error);
    return result?.rows[0]?.[0];
  }

  async #run(
    path: string,
    name: string,
    migration: Migration,
    statements: readonly Statement[],
  ): Promise<void> {
    const session = this.#session;
    const begin = [...session.begin, { sql: `LOCK TABLE ${this.#table} IN SHARE ROW EXCLUSIVE MODE` }];
    const [locked] = await session.run([[...begin, { sql: this.#highest, values: [name] }]], {
      fresh: true,
      keepRows: true,
    });
    if (locked?.error) await this.#fail(ownFault(locked.error));
    const { version, title } = migration;
    if (Number(locked?.rows[0]?.[0]) >= version) {
      await session.run([[{ sql: 'ROLLBACK' }]]);
      return;
    }
    const record = {
      sql: `INSERT INTO ${this.#table} VALUES ($1, $2, $3, $4)`,
      values: [name, String(version), title, String(Date.now())],
    };
    const body = statements.map(({ text }) => ({ sql: text }));
    const [done] = await session.run([[...body, record, { sql: 'COMMIT' }]], { fresh: true });
    if (done?.error)
      await this.#fail(this.#faultOf(path, migration, statements[done.tags.length], done.error));
  }

  #faultOf(path: string, migration: Migration, statement: Statement | undefined, error: ServerError): Error {
    if (isOutage(error.code) || isConflict(error.code) || error.code === '25006')
      return new Outage(error.code, error.message, { duringEntry: true });
    const what = `migration ${migration.version} (${migration.title}): ${error.message} (${error.code})`;
    return badSchema(path, lineOf(migration, statement?.at ?? 0), what);
  }

  async #fail(error: Error): Promise<never> {
    await this.#session.run([[{ sql: 'ROLLBACK' }]]);
    throw error;
  }

  #skipMissing(path: string): true {
    this.#warn(`the file of migrations ${path} is missing: entries that name it are applied without`);
    return true;
  }
}
