/**
 * A small disk of a test's own: a tmpfs in a mount namespace that one process holds open. Commands run in there by
 * nsenter; from here its files are seen through /proc/PID/root. It is gone with the last process in it, so nothing
 * stays mounted whatever becomes of the test.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { DIST, type Project, type Result, type RunOptions } from './project.ts';
import { unless } from './queue.ts';

export interface Disk {
  /** Where it is mounted, as commands in there know it. */
  readonly root: string;
  /** A path in there as this process can open it; for SQLite, which resolves links itself, see `rows`. */
  at(path: string): string;
  /** Runs an executable of dist/ (queue-...) or any other command in there, and waits for it. */
  run(command: string, args?: readonly string[], options?: RunOptions): Promise<Result>;
  /** The rows of a query on a copy of a database in there; nobody may be writing to it. */
  rows(path: string, sql: string): Record<string, unknown>[];
  /** Fills it until so many bytes, or files, are left. */
  fill(left: { bytes: number } | { inodes: number }): void;
  /** Takes away what `fill` has put there. */
  free(): void;
}

/** A skip reason. */
export const noDisk = (): string | false =>
  unless('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], 'the right to mount (unshare -m)') ||
  unless('nsenter', ['-m', '-t', String(process.pid), 'true'], 'nsenter');

/** Mounts a disk at DIR/disk for as long as `body` takes; a worker in `spool` is stopped before it goes. */
export async function withDisk(
  self: Project,
  options: string,
  body: (disk: Disk) => Promise<void>,
): Promise<void> {
  const root = join(self.dir, 'disk');
  mkdirSync(root, { recursive: true });
  const script = 'mount -t tmpfs -o "$1,mode=700" none "$2" && echo mounted && exec sleep 1000';
  const holder = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', options, root], { env: self.env });
  const ended = new Promise((done) => holder.on('close', done));
  await new Promise<void>((done, fail) => {
    holder.stdout.once('data', () => done());
    holder.once('close', (code) => fail(new Error(`no disk could be mounted: exit code ${code}`)));
  });
  const disk = new Mounted(self, root, holder.pid as number);
  try {
    await body(disk);
  } finally {
    disk.free();
    await disk.run('queue-worker', ['stop']);
    holder.kill('SIGKILL');
    await ended;
  }
}

class Mounted implements Disk {
  readonly root: string;
  readonly #self: Project;
  readonly #pid: string;

  constructor(self: Project, root: string, pid: number) {
    this.#self = self;
    this.root = root;
    this.#pid = String(pid);
  }

  at(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Result> {
    const program = command.startsWith('queue-') ? join(DIST, command) : command;
    return this.#self.run('nsenter', ['-m', '-t', this.#pid, '--', program, ...args], options);
  }

  rows(path: string, sql: string): Record<string, unknown>[] {
    const copy = join(this.#self.dir, `copy-${basename(path)}`);
    for (const suffix of ['', '-wal']) {
      rmSync(copy + suffix, { force: true });
      if (existsSync(this.at(path + suffix))) copyFileSync(this.at(path + suffix), copy + suffix);
    }
    const db = new Database(copy, { fileMustExist: true });
    try {
      return db.prepare(sql).all() as Record<string, unknown>[];
    } finally {
      db.close();
      for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true });
    }
  }

  fill(left: { bytes: number } | { inodes: number }): void {
    const filler = this.at(join(this.root, 'filler'));
    mkdirSync(filler, { recursive: true });
    const { bavail, bsize, ffree } = statfsSync(filler);
    if ('bytes' in left) writeZeros(join(filler, 'bytes'), Math.max(0, bavail * bsize - left.bytes));
    else for (let i = 0; i < ffree - left.inodes; i++) writeZeros(join(filler, `inode-${i}`), 0);
  }

  free(): void {
    rmSync(this.at(join(this.root, 'filler')), { recursive: true, force: true });
  }
}

function writeZeros(path: string, bytes: number): void {
  const fd = openSync(path, 'a');
  try {
    const block = Buffer.alloc(64 * 1024);
    for (let done = 0; done < bytes; ) done += writeSync(fd, block, 0, Math.min(block.length, bytes - done));
  } finally {
    closeSync(fd);
  }
}
