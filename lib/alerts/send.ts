/**
 * Sending one message: to a webhook or to a command, once, with a time limit.
 *
 * Promises: it always returns, within TIMEOUT_MS and a little, and never throws; nothing it returns shows the webhook's
 * URL, which is a secret, and no command line does. Either is done by a process in a session of its own, which is killed
 * with its children when its time is up: a look for an address that no name server answers can't be ended otherwise, and
 * would keep this process from leaving.
 */
import { spawn } from 'node:child_process';
import type { AlertSettings } from '../config.ts';
import { messageOf } from '../errors.ts';
import { executablePath } from '../package.ts';
import { clean, type Message, payloadOf, variablesOf } from './message.ts';
import type { Letter } from './post.ts';
import { secretsOf, withoutSecrets } from './secrets.ts';
import type { Channel } from './state.ts';

export interface Sent {
  readonly ok: boolean;
  /** What came back, in a few words. */
  readonly detail: string;
  /** It would fail again: the address is wrong, not the moment. */
  readonly isFinal?: boolean;
  /** What the webhook has asked for. */
  readonly retryAfterMs?: number;
}

export const TIMEOUT_MS = 10_000;
const MAX_DETAIL = 200;
/** So much is read of what a process says: a secret must not be cut in two before it is found. */
const MAX_OUTPUT = 4096;
/** What a process has left in the background may keep its output open. */
const LAST_WORDS_MS = 200;

/** @param stop ends it early. */
export async function send(
  channel: Channel,
  message: Message,
  settings: AlertSettings,
  stop?: AbortSignal,
): Promise<Sent> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const signal = stop ? AbortSignal.any([stop, limit]) : limit;
  const way = channel === 'webhook' ? toWebhook : toCommand;
  const sent = await way(settings, message, signal).catch((error: unknown) => failure(messageOf(error)));
  const urls = settings.command.match(/https?:\/\/[^\s'"]+/gi) ?? [];
  const detail = withoutSecrets(clean(sent.detail), [settings.url, ...urls].flatMap(secretsOf));
  return { ...sent, detail: detail.slice(0, MAX_DETAIL) };
}

async function toWebhook({ url }: AlertSettings, message: Message, signal: AbortSignal): Promise<Sent> {
  const program = [process.execPath, executablePath('queue-maint'), 'alert', '--post'];
  const letter: Letter = { url, body: payloadOf(message) };
  const ended = await run(program, { input: JSON.stringify(letter), output: 'stdout', signal });
  if (ended === 'expired') return failure('no answer in time');
  try {
    return JSON.parse(ended.text) as Sent;
  } catch {
    return failure(`it could not be sent: ${howOf(ended)}`);
  }
}

async function toCommand({ command }: AlertSettings, message: Message, signal: AbortSignal): Promise<Sent> {
  // Not as an argument: others can see those.
  const env = { ...variablesOf(message), QUEUE_ALERT_CMD: command };
  const program = ['sh', '-c', 'eval "$QUEUE_ALERT_CMD"'];
  const ended = await run(program, { input: `${payloadOf(message)}\n`, output: 'stderr', env, signal });
  if (ended === 'expired') return failure('it has not ended in time and was killed');
  const words = clean(ended.text);
  return { ok: ended.code === 0, detail: words === '' ? howOf(ended) : `${howOf(ended)}: ${words}` };
}

function failure(detail: string): Sent {
  return { ok: false, detail };
}

function howOf({ code, by }: Ended): string {
  return code === null ? `was killed by ${by}` : `exit code ${code}`;
}

interface Ended {
  readonly code: number | null;
  readonly by: string | null;
  /** The start of what it has said. */
  readonly text: string;
}

interface RunOptions {
  readonly input: string;
  /** Of the two the one that is listened to. */
  readonly output: 'stdout' | 'stderr';
  readonly env?: Record<string, string>;
  readonly signal: AbortSignal;
}

/** Runs a program until it ends, or until `signal` and then it is killed. @throws when it can't be started. */
function run(
  [command = '', ...args]: readonly string[],
  { input, output, env, signal }: RunOptions,
): Promise<Ended | 'expired'> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      detached: true,
      stdio: ['pipe', output === 'stdout' ? 'pipe' : 'ignore', output === 'stderr' ? 'pipe' : 'ignore'],
      env: { ...process.env, ...env },
    });
    // First of all: without descriptors it has neither pipes nor a pid.
    child.on('error', fail);
    const stream = child[output];
    let text = '';
    const end = (how: Ended | 'expired'): void => {
      signal.removeEventListener('abort', expire);
      stream?.destroy();
      done(how);
    };
    const expire = (): void => {
      kill(child.pid);
      end('expired');
    };
    signal.addEventListener('abort', expire);
    if (signal.aborted) expire();
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(0, MAX_OUTPUT);
    });
    // It may not care for its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    child.on('exit', (code, by) => setTimeout(() => end({ code, by, text }), LAST_WORDS_MS).unref());
    child.on('close', (code, by) => end({ code, by, text }));
  });
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
