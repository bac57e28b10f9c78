/**
 * Whole processes: wall time from before the spawn to the last end of its output, and peak memory.
 *
 * Peak memory is VmHWM of /proc/PID/status, the kernel's own high-water mark, looked at every 20 ms (what is
 * allocated in the last 20 ms of a process may be missed); there is none without /proc.
 */
import { readIfThere, type Workspace } from './workspace.ts';

const LOOK_MS = 20;

export interface Run {
  readonly ms: number;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly peakMb: number | null;
}

export interface RunOptions {
  readonly env: Record<string, string>;
  readonly cwd?: string;
  readonly memory?: boolean;
}

/** Runs a process to its end. @throws Error when it can't be started. */
export function run(
  workspace: Workspace,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<Run> {
  return new Promise((done, fail) => {
    const start = performance.now();
    const child = workspace.spawn(command, args, options);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let peakKb = 0;
    const look = (): void => {
      const peak = /VmHWM:\s+(\d+)/.exec(readIfThere(`/proc/${child.pid}/status`))?.[1];
      peakKb = Math.max(peakKb, Number(peak ?? 0));
    };
    const timer = options.memory ? setInterval(look, LOOK_MS) : undefined;
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', (error) => {
      clearInterval(timer);
      fail(error);
    });
    child.once('close', (code) => {
      clearInterval(timer);
      const [stdout, stderr] = [Buffer.concat(out).toString(), Buffer.concat(err).toString()];
      done({
        ms: performance.now() - start,
        code,
        stdout,
        stderr,
        peakMb: peakKb > 0 ? peakKb / 1024 : null,
      });
    });
  });
}

/** `run`, and an Error with the end of its output unless it exits 0. */
export async function runOk(...call: Parameters<typeof run>): Promise<Run> {
  const result = await run(...call);
  if (result.code === 0) return result;
  const [, command, args] = call;
  const said = `${result.stderr}${result.stdout}`.trim().split('\n').slice(-4).join(' | ');
  throw new Error(
    `${[command, ...args].join(' ').slice(0, 120)} ended with ${result.code}: ${said || 'no output'}`,
  );
}

/** The message of an error, on one line, for 'not measured: ...'. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\n', ' ').slice(0, 300);
}
