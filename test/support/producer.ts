/** What the tests of the bash producer share: a worker that only seems to be there, a Node that only listens. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Entry, parseEntry } from '../../lib/spool/entry.ts';
import { ensureSpool, spoolAt } from '../../lib/spool/layout.ts';
import { loadValues } from '../../lib/spool/values.ts';
import type { Project } from './project.ts';

export interface Spooled {
  readonly name: string;
  readonly bytes: Buffer;
  readonly entry: Entry;
}

/**
 * Creates the spool with a worker.pid that producers take for a living worker: this process, which nobody stops,
 * because it did not start when the file says.
 */
export function fakeWorker(self: Project): void {
  ensureSpool(spoolAt(self.spool));
  const heartbeat = Math.floor(Date.now() / 1000) + 25;
  writeFileSync(join(self.spool, 'worker.pid'), `${process.pid} 1 ${heartbeat}\n`, { mode: 0o600 });
}

/** The entries in pending/, in order, with their values; parsing them is part of the test. */
export function spooled(self: Project): Spooled[] {
  return self.names('pending').map((name) => {
    const bytes = readFileSync(join(self.spool, 'pending', name));
    const entry = parseEntry(bytes, name);
    if (entry.values) loadValues(spoolAt(self.spool), name, entry);
    return { name, bytes, entry };
  });
}

export interface Listener {
  /** For QUEUE_NODE. */
  readonly path: string;
  /** What each start was given: its arguments, its standard input cut at NUL, its environment. */
  calls(): { args: string[]; input: string[]; env: string[] }[];
}

/** A program that stands in for Node: it writes down what it is given and exits with `code`. */
export function listeningNode(self: Project, code = 0): Listener {
  const directory = join(self.dir, 'listener');
  const path = join(directory, 'node');
  mkdirSync(directory);
  const script = `#!/bin/bash
call=$(mktemp -d ${directory}/call.XXXXXX)
cat >"$call/input"
printf '%s\\0' "$@" >"$call/args"
env -0 >"$call/env"
: >"$call/done"
exit ${code}
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  const cut = (file: string): string[] => readFileSync(file, 'utf8').split('\0').slice(0, -1);
  return {
    path,
    calls: () =>
      readdirSync(directory)
        .filter((name) => existsSync(join(directory, name, 'done')))
        .map((name) => ({
          args: cut(join(directory, name, 'args')),
          input: cut(join(directory, name, 'input')),
          env: cut(join(directory, name, 'env')),
        })),
  };
}
