/**
 * Faults at chosen system calls: SQLite's method. A model run is traced for the calls that touch the project's files,
 * and each of them is then a point at which another run is killed, or has an error injected, by strace.
 *
 * strace counts `when` in every process and thread for itself. A point is therefore an ordinal, whichever of them had
 * it in the model run, and in the real run the first to get that far has the fault.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FULL, type Random } from './faults.ts';
import type { Project, Result, RunOptions } from './project.ts';

/** Calls that change what others see of files. A SIGKILL between two of them is a SIGKILL at the second. */
export const CHANGING = [
  ...['openat', 'write', 'pwrite64', 'rename', 'link', 'unlink', 'mkdir', 'rmdir', 'symlink', 'ftruncate'],
  ...['chmod', 'utimensat'],
];
export const SYNCING = ['fsync', 'fdatasync'];

/** After this a run is taken to hang. It is far beyond what any needs on a machine under load. */
const LIMIT_S = 60;

export interface Fault {
  /** What strace is to inject: `signal=SIGKILL`, `error=EIO`. */
  readonly kind: string;
  readonly call: string;
  /** `3`, or `3+` for this call and all after it. */
  readonly when: string;
  /** Only calls on these files. */
  readonly paths?: readonly string[];
  /** Not to its children either. */
  readonly isAlone?: boolean;
}

export const describe = ({ kind, call, when, paths }: Fault): string =>
  `${kind} at ${call} number ${when}${paths ? ` of ${paths.map((path) => path.split('/').at(-1))}` : ''}`;

export interface Point {
  readonly call: string;
  readonly when: number;
  /** Whether the call changed anything, as far as its name and flags tell. */
  readonly changes: boolean;
  readonly line: string;
}

/** Runs a command and gives the points at which it touched the project's files, those of each call in order. */
export async function pointsOf(
  self: Project,
  calls: readonly string[],
  command: readonly string[],
  options: RunOptions = {},
): Promise<Point[]> {
  const trace = join(self.dir, 'trace');
  const args = ['-f', '-q', '-y', '-s', '300', '-o', trace, '-e', `trace=${calls}`, ...command];
  const result = await self.run('strace', args, options);
  assert.ok(result.code === 0 || result.code === 3, `the model run: ${result.stdout}${result.stderr}`);
  const counts = new Map<string, number>();
  const points = new Map<string, Point>();
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    const [, pid, call] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (pid === undefined || call === undefined) continue;
    const when = (counts.get(`${pid} ${call}`) ?? 0) + 1;
    counts.set(`${pid} ${call}`, when);
    if (!line.includes(`${self.dir}/.hive-mind`)) continue;
    const changes = CHANGING.includes(call) && (call !== 'openat' || /O_CREAT|O_TRUNC/.test(line));
    const known = points.get(`${call} ${when}`);
    if (!known?.changes) points.set(`${call} ${when}`, { call, when, changes, line });
  }
  return [...points.values()].sort(
    (a, b) => calls.indexOf(a.call) - calls.indexOf(b.call) || a.when - b.when,
  );
}

/**
 * At most `count` of the points in their order: one of every kind of call on every kind of file, as far as that goes,
 * and others by chance.
 */
export function someOf(random: Random, points: readonly Point[], count: number): Point[] {
  const kinds = Map.groupBy(random.shuffle(points), kindOf);
  const firsts = [...kinds.values()].map((group) => group[0] as Point).slice(0, count);
  const others = points.filter((point) => !firsts.includes(point));
  const chosen = new Set([...firsts, ...random.sample(others, count - firsts.length)]);
  return points.filter((point) => chosen.has(point));
}

/** All of them, or in the bounded form `count` of those that change something: at others a death leaves the same state. */
export function pointsToTry(random: Random, points: readonly Point[], count: number): Point[] {
  if (FULL) return [...points];
  const changing = points.filter((point) => point.changes);
  return someOf(random, changing, count);
}

export const killAt = ({ call, when }: Point): Fault => ({
  kind: 'signal=SIGKILL',
  call,
  when: String(when),
});

/** The call and the file, without what differs from file to file: numbers in its name. */
function kindOf({ call, line }: Point): string {
  return `${call} ${/\.hive-mind[^">,]*/.exec(line)?.[0].replace(/[\d.-]+/g, '') ?? ''}`;
}

export interface Struck extends Result {
  /** The calls that had the fault, as strace prints them; empty when the run had fewer calls. */
  readonly struck: readonly string[];
}

/** Runs a command with a fault. It must end by itself, however it ends. */
export async function strike(
  self: Project,
  fault: Fault,
  command: readonly string[],
  options: RunOptions = {},
): Promise<Struck> {
  const { kind, call, when, paths = [], isAlone = false } = fault;
  const trace = join(self.dir, `trace-${++runs}`);
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${kind}:when=${when}`];
  const only = paths.flatMap((path) => ['-P', path]);
  // strace's filter in the kernel makes the other calls cheap, but has it deliver no signals (seen with 6.1).
  const filter = kind.startsWith('error=') ? ['--seccomp-bpf'] : [];
  const follow = isAlone ? [] : ['-f'];
  const strace = ['strace', ...follow, '-q', ...filter, '-y', '-o', trace, ...only, ...inject, ...command];
  const start = performance.now();
  const result = await self.run('timeout', ['-s', 'KILL', String(LIMIT_S), ...strace], options);
  assert.ok(performance.now() - start < LIMIT_S * 1000, `${describe(fault)}: it hangs\n${result.stderr}`);
  const struck = readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line.includes('(INJECTED)') || line.includes('+++ killed by SIGKILL'));
  return { ...result, struck };
}

let runs = 0;

/** Does this for all of them, `lanes` at a time. The first failure ends it, when those under way are done. */
export async function inLanes<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
  lanes = 3,
): Promise<void> {
  const rest = items.entries();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const [index, item] of rest) {
      if (failures.length > 0) return;
      await work(item, index).catch((error) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failures.length > 0) throw failures[0];
}
