/** What the tests of the plugin's hook scripts share: running one as the agent does, payloads, the schema. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Project, ROOT } from './project.ts';
import { Random } from './random.ts';

export const HOOKS = [
  'session-start',
  'task-agent-tracker',
  'auto-checkpoint',
  'tool-log',
  'session-checkpoint',
] as const;
export type Hook = (typeof HOOKS)[number];

export type Payload = Record<string, unknown>;

const FIXTURES = join(ROOT, 'test', 'fixtures', 'hook-payloads');
const SCHEMA = readFileSync(join(ROOT, 'hooks', 'schema.sql'), 'utf8');

/** The sample payloads by name (PostToolUse.Bash), as the agent sends them. */
export const SAMPLES: ReadonlyMap<string, string> = new Map(
  readdirSync(FIXTURES)
    .sort()
    .map((name) => [name.replace(/\.json$/, ''), readFileSync(join(FIXTURES, name), 'utf8')]),
);

/** The session of the samples. */
export const SESSION = String(sample('Stop').session_id);

export function sample(name: string, changes: Payload = {}): Payload {
  const text = SAMPLES.get(name);
  assert.ok(text, `there is no sample ${name}`);
  return { ...(JSON.parse(text) as Payload), ...changes };
}

/** Runs a hook as the agent does: by sh, in a directory that has nothing to do with the project. It must be silent. */
export async function fire(
  self: Project,
  hook: Hook,
  payload: Payload | string | Buffer,
  env: Record<string, string> = {},
): Promise<void> {
  const elsewhere = join(self.dir, 'else where');
  mkdirSync(elsewhere, { recursive: true });
  const command = `"\${CLAUDE_PLUGIN_ROOT}"/hooks/${hook}.sh`;
  const input =
    typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : `${JSON.stringify(payload)}\n`;
  const result = await self.run('sh', ['-c', command], {
    input,
    cwd: elsewhere,
    env: { CLAUDE_PLUGIN_ROOT: ROOT, ...env },
  });
  assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' }, hook);
}

/** Runs all of these, eight at a time. */
export async function inParallel(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const rest = tasks.values();
  const lane = async () => {
    for (const task of rest) await task();
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

/** What a hook binds to its statement. */
export interface Input {
  task: string;
  hook?: Payload | string;
  at?: number;
  session?: string;
  operations?: number;
  due?: number;
  bytes?: number;
}

/** A database in memory with the hooks' tables, into which `put` inserts what hooks would. */
export class HookDatabase {
  readonly #db = new Database(':memory:');
  readonly #insert: Database.Statement;

  constructor() {
    this.#db.exec(SCHEMA);
    this.#insert = this.#db.prepare(
      `INSERT INTO hook_input(task, at, hook, session, operations, due, bytes)
       VALUES (:task, :at, :hook, :session, :operations, :due, :bytes)`,
    );
  }

  put({ task, hook, at = 0, session, operations, due, bytes }: Input): void {
    // Everything travels as text.
    const text = (value: number | undefined) => (value === undefined ? null : String(value));
    this.#insert.run({
      task,
      at: String(at),
      hook: hook === undefined ? null : typeof hook === 'string' ? hook : JSON.stringify(hook),
      session: session ?? null,
      operations: text(operations),
      due: text(due),
      bytes: text(bytes),
    });
  }

  rows(sql: string): Payload[] {
    return this.#db.prepare(sql).all() as Payload[];
  }

  row(sql: string): Payload {
    const rows = this.rows(sql);
    assert.equal(rows.length, 1, `${sql}: ${JSON.stringify(rows)}`);
    return rows[0] as Payload;
  }

  /** Puts these into empty tables, and returns the rows of `sql`; then the tables are empty again. */
  after(inputs: readonly Input[], sql: string): Payload[] {
    this.#db.exec('BEGIN');
    try {
      for (const input of inputs) this.put(input);
      return this.rows(sql);
    } finally {
      this.#db.exec('ROLLBACK');
    }
  }
}

/** A time as the tables have it. */
export function iso(seconds: number): string {
  return new Date(Math.round(seconds * 1000)).toISOString();
}

/** Every order of the list. */
export function* permutations<T>(list: readonly T[]): Generator<T[]> {
  if (list.length === 0) yield [];
  for (const [index, first] of list.entries()) {
    for (const rest of permutations(list.toSpliced(index, 1))) yield [first, ...rest];
  }
}

/** `count` orders of the list, the same in every run. */
export function* someOrders<T>(list: readonly T[], count: number): Generator<T[]> {
  const random = new Random('some orders');
  for (let n = 0; n < count; n++) yield random.shuffle(list);
}
