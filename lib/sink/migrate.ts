/**
 * Applying a file of migrations to one SQLite database.
 *
 * `_queue_migrations(schema, version, title, applied_at)` says what the database has. Each migration is one
 * transaction together with its row there, so that a kill at any moment leaves whole migrations only; BEGIN
 * IMMEDIATE and a second look inside keep two connections from applying one twice. A database that has a higher
 * version than the file is left as it is: an older plugin beside a newer one.
 *
 * What is known to be present is remembered for the life of the connection, by the file's stamp. The file is looked
 * at once a transaction; every further entry that names it costs one look into a Set.
 */
import { messageOf } from '../errors.ts';
import type { Db, Prepared } from './driver.ts';
import { badSchema, lineOf, type Migration, readSchema, stampOf, statementsOf } from './migrations.ts';
import { asOutage, isOutage, reasonOf } from './outage.ts';
import { MIGRATIONS, refusalInMigration } from './plan.ts';
import { type Statement, splitStatements } from './statements.ts';

export interface MigratorOptions {
  /** The database, for messages. */
  readonly target: string;
  readonly begin: Prepared;
  readonly commit: Prepared;
  /** Called with what the user should know and no entry is to blame for. */
  readonly warn: (message: string) => void;
}

export class Migrator {
  readonly #db: Db;
  readonly #options: MigratorOptions;
  /** By path, the stamp of the file whose migrations the database has. */
  readonly #known = new Map<string, string>();
  /** Paths that were looked at since the transaction began, and need nothing. */
  readonly #settled = new Set<string>();

  constructor(db: Db, options: MigratorOptions) {
    this.#db = db;
    this.#options = options;
  }

  /** A transaction begins: files may have been replaced since the last one. */
  lookAgain(): void {
    this.#settled.clear();
  }

  /** True when nothing is to be done for the file: the database is known to have it, or it is missing. */
  isSettled(path: string): boolean {
    if (this.#settled.has(path)) return true;
    let stamp: string | undefined;
    try {
      stamp = stampOf(path);
    } catch {
      // apply() runs into the same, and says what it is.
      return false;
    }
    if (stamp === undefined) return this.#skipMissing(path);
    if (this.#known.get(path) !== stamp) return false;
    this.#settled.add(path);
    return true;
  }

  /**
   * Applies those migrations of the file that the database lacks. Call it outside a transaction. A file that is
   * missing is no error: the entry's own SQL tells whether it can do without.
   * @throws EntryFault BAD_SCHEMA when the file or its SQL is wrong; the migrations before that one stay.
   * @throws SinkOutage with `duringEntry: true` when the database fails while a migration runs, the driver's error
   *   when it does anywhere else, where no SQL of the file has a say. In all cases a transaction may be left open.
   */
  apply(path: string): void {
    const file = readSchema(path);
    if (!file) {
      this.#skipMissing(path);
      return;
    }
    const { name, migrations } = file.schema;
    const has = this.#versionOf(name);
    const missing = migrations.filter(({ version }) => version > has);
    // All are checked before the first is run: a file that can't be applied as a whole is not begun.
    const checked = missing.map((migration) => ({
      migration,
      statements: statementsOf(path, migration, splitStatements, refusalInMigration),
    }));
    for (const { migration, statements } of checked) this.#run(path, name, migration, statements);
    this.#known.set(path, file.stamp);
    this.#settled.add(path);
  }

  #run(path: string, name: string, migration: Migration, statements: readonly Statement[]): void {
    const { begin, commit } = this.#options;
    const { version, title } = migration;
    begin.run();
    this.#db.exec(CREATE);
    // Another connection may have been first; then there is nothing to commit.
    if (this.#versionOf(name) < version) {
      for (const statement of statements) this.#runStatement(path, migration, statement);
      const record = `INSERT INTO main.${MIGRATIONS} VALUES (?, ?, ?, ?)`;
      this.#db.prepare(record).run(name, version, title, Date.now());
    }
    commit.run();
  }

  #runStatement(path: string, migration: Migration, { text, at }: Statement): void {
    try {
      this.#db.exec(text);
    } catch (error) {
      const reason = reasonOf(error);
      if (isOutage(reason)) throw asOutage(this.#options.target, error, true);
      const what = `migration ${migration.version} (${migration.title}): ${messageOf(error)} (${reason})`;
      throw badSchema(path, lineOf(migration, at), what);
    }
  }

  /** The highest version of a schema in the database; 0 when it has none. */
  #versionOf(name: string): number {
    const table = this.#db.prepare('SELECT 1 FROM main.sqlite_schema WHERE name = ?').get(MIGRATIONS);
    if (table === undefined) return 0;
    const highest = `SELECT ifnull(max(version), 0) FROM main.${MIGRATIONS} WHERE schema = ?`;
    return this.#db.prepare(highest).pluck().get(name) as number;
  }

  #skipMissing(path: string): true {
    this.#options.warn(`the file of migrations ${path} is missing: entries that name it are applied without`);
    this.#settled.add(path);
    return true;
  }
}

const CREATE =
  `CREATE TABLE IF NOT EXISTS main.${MIGRATIONS}(schema TEXT NOT NULL, version INTEGER NOT NULL, ` +
  'title TEXT NOT NULL, applied_at INTEGER NOT NULL, PRIMARY KEY(schema, version)) WITHOUT ROWID';
