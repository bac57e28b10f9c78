/**
 * Timing from inside bash (programs/driver.sh), and counting of processes by strace.
 *
 * What a hook script pays for a call is what bash pays: a builtin costs what it costs there, a program its fork,
 * exec and wait. So the clock is bash's EPOCHREALTIME around the call, not a timer in another process.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from './run.ts';
import { BENCH, type Workspace } from './workspace.ts';

const DRIVER = join(BENCH, 'programs', 'driver.sh');
const WARM_UP_ROUNDS = 2;

export interface BashCase {
  readonly name: string;
  /** Shell commands; `$round` is the round. */
  readonly body: string;
  /** Runs in every n-th round; default 1. */
  readonly every?: number;
}

export interface BashRun {
  readonly cases: readonly BashCase[];
  /** Shell commands before the first round: sourcing, variables. */
  readonly prelude?: string;
  readonly rounds: number;
  readonly gapMs?: number;
  readonly env: Record<string, string>;
  readonly cwd?: string;
  /** Rounds that are run and not counted; default 2. */
  readonly warmUp?: number;
}

export interface Samples {
  /** Milliseconds, one a call. */
  readonly ms: number[];
  /** Calls that did not return 0. */
  readonly failed: number;
  /** The last line that the run printed on stderr, to explain failures. */
  readonly said: string;
}

/** Runs the cases interleaved. @returns the samples of each, by its name. */
export async function timeInBash(workspace: Workspace, bash: BashRun): Promise<Map<string, Samples>> {
  const [casesFile, samplesFile] = [workspace.path('cases.sh'), workspace.path('samples')];
  writeFileSync(casesFile, casesText(bash));
  const warmUp = bash.warmUp ?? WARM_UP_ROUNDS;
  const args = [
    DRIVER,
    casesFile,
    samplesFile,
    String(bash.rounds + warmUp),
    String((bash.gapMs ?? 0) / 1000),
  ];
  const { stderr } = await runOk(workspace, 'bash', args, bash);
  const said = stderr.trim().split('\n').at(-1) ?? '';
  const lines = readFileSync(samplesFile, 'utf8').trim().split('\n').filter(Boolean);
  rmSync(samplesFile);
  return new Map(
    bash.cases.map(({ name, every = 1 }, index) => {
      const own = lines.filter((line) => line.startsWith(`case_${index} `)).map((line) => line.split(' '));
      const counted = own.slice(Math.ceil(warmUp / every));
      const ms = counted.map(([, start, end]) => (Number(end) - Number(start)) / 1000);
      return [name, { ms, failed: counted.filter((fields) => fields[3] !== '0').length, said }];
    }),
  );
}

/** Why these samples are no measurement, or undefined. */
export function failureOf({ ms, failed, said }: Samples): string | undefined {
  return failed > 0 ? `${failed} of ${ms.length} calls failed: ${said || 'without a word'}` : undefined;
}

function casesText({ cases, prelude = '' }: BashRun): string {
  const functions = cases.map(
    ({ body, every = 1 }, index) =>
      `case_${index}() {\n${body}\n}\ncases+=(case_${index})\nevery[case_${index}]=${every}`,
  );
  return `${prelude}\n${functions.join('\n')}\n`;
}

export interface Processes {
  readonly forks: number;
  readonly execs: number;
}

/**
 * Forks and execs of one call: `strace -f` of a driver that makes two calls, less those of one that makes none.
 * Threads are no forks. @returns undefined without strace.
 */
export async function countProcesses(
  workspace: Workspace,
  bash: Omit<BashRun, 'rounds' | 'cases'>,
  body: string,
): Promise<Processes | undefined> {
  if (!hasProgram('strace')) return undefined;
  const counts: Processes[] = [];
  for (const rounds of [0, 2]) {
    const [casesFile, trace] = [workspace.path('cases.sh'), workspace.path('trace')];
    writeFileSync(casesFile, casesText({ ...bash, rounds, cases: [{ name: 'it', body }] }));
    const args = [
      '-f',
      '-qq',
      '-e',
      'trace=process',
      '-o',
      trace,
      'bash',
      DRIVER,
      casesFile,
      '/dev/null',
      String(rounds),
      '0',
    ];
    await runOk(workspace, 'strace', args, bash);
    counts.push(countIn(readFileSync(trace, 'utf8').split('\n')));
    rmSync(trace);
  }
  const [none, two] = counts as [Processes, Processes];
  return { forks: (two.forks - none.forks) / 2, execs: (two.execs - none.execs) / 2 };
}

function countIn(lines: readonly string[]): Processes {
  const forks = lines.filter(
    (line) => /^\d+ +(clone3?|v?fork)\(/.test(line) && !line.includes('CLONE_THREAD'),
  );
  const execs = lines.filter((line) => /^\d+ +(execve(at)?\(|<\.\.\. execve(at)? resumed).*= 0$/.test(line));
  return { forks: forks.length, execs: execs.length };
}

const found = new Map<string, boolean>();

/** True when the program is on PATH. */
export function hasProgram(name: string): boolean {
  let is = found.get(name);
  if (is === undefined) {
    is = spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
    found.set(name, is);
  }
  return is;
}

/** A word for bash. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
