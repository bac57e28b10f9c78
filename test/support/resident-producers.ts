/**
 * Producers that stay: a bash with the sourced library or a Node with enqueue(), which write when they are told to.
 * A start of Node costs two hundred writes, and what the fault suite wants is many writes at once, not many starts.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { DIST, QUEUE_LIB } from './project.ts';

export type Kind = 'bash' | 'node';

export interface Order {
  /** The project's directory. */
  readonly project: string;
  readonly sql: string;
  readonly priority?: number;
  readonly params?: Record<string, string>;
  /** Node only, as the two that follow. */
  readonly id?: string;
  readonly delayMs?: number;
}

export interface Producer {
  readonly kind: Kind;
  readonly pid: number;
  /** Resolves when the write has returned success. */
  write(order: Order): Promise<void>;
  /** Lets the process end, and waits for that. */
  end(): Promise<void>;
}

// Fields are separated by US (0x1f), which is no white space: empty ones stay.
const BASH = `
. "$1"
while IFS=$'\\x1f' read -r CLAUDE_PROJECT_DIR priority sql names rest; do
  values=()
  for name in $names; do
    values+=("$name=\${rest%%$'\\x1f'*}")
    rest=\${rest#*$'\\x1f'}
  done
  queue_db_write "$sql" write "$priority" '{}' "\${values[@]}"
  echo $?
done`;

const NODE = `
import { createInterface } from 'node:readline';
const { openQueue } = await import(process.argv[1]);
const queues = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { project, delayMs, ...request } = JSON.parse(line);
  if (delayMs !== undefined) request.notBefore = new Date(Date.now() + delayMs);
  try {
    if (!queues.has(project)) queues.set(project, openQueue({ ...process.env, CLAUDE_PROJECT_DIR: project }));
    const { warning } = queues.get(project).enqueue(request);
    console.log(warning ? String(warning) : 0);
  } catch (error) {
    console.log(String(error));
  }
}`;

export function startProducer(kind: Kind, env: Record<string, string>): Producer {
  const [command, args] =
    kind === 'bash'
      ? ['bash', ['-c', BASH, 'producer', QUEUE_LIB]]
      : [process.execPath, ['--input-type=module', '-e', NODE, pathToFileURL(join(DIST, 'index.mjs')).href]];
  const child = spawn(command, args, { env, cwd: env.HOME, stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: { done: () => void; fail: (error: Error) => void }[] = [];
  const ended = new Promise<void>((done) => child.on('close', () => done()));
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => {
    const next = waiting.shift();
    if (line === '0') next?.done();
    else next?.fail(new Error(`a ${kind} producer could not write: ${line}`));
  });
  void ended.then(() => {
    for (const { fail } of waiting) fail(new Error(`a ${kind} producer has died`));
  });
  return {
    kind,
    pid: child.pid as number,
    write: (order) =>
      new Promise((done, fail) => {
        waiting.push({ done, fail });
        child.stdin.write(`${kind === 'bash' ? bashLine(order) : JSON.stringify(order)}\n`);
      }),
    end: () => {
      child.stdin.end();
      return ended;
    },
  };
}

function bashLine({ project, sql, priority = 5, params = {}, id, delayMs }: Order): string {
  if (id !== undefined || delayMs !== undefined) throw new Error('the bash library has no such option');
  const fields = [
    project,
    String(priority),
    sql,
    Object.keys(params).join(' '),
    ...Object.values(params),
    '',
  ];
  return fields.join('\x1f');
}
