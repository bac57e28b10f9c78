/**
 * Sending one message: to a webhook or to a command, once, with a time limit.
 *
 * Promises: it always returns, within TIMEOUT_MS and a little; nothing it returns shows the webhook's URL, which is a
 * secret; a command runs in a session of its own and is killed with its children when its time is up.
 */
import { spawn } from 'node:child_process';
import type { AlertSettings } from '../config.ts';
import { messageOf } from '../errors.ts';
import { clean, type Message, payloadOf, variablesOf } from './message.ts';
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
const MAX_ANSWER = 200;

/** @param stop ends it early. */
export function send(
  channel: Channel,
  message: Message,
  settings: AlertSettings,
  stop?: AbortSignal,
): Promise<Sent> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const signal = stop ? AbortSignal.any([stop, limit]) : limit;
  return channel === 'webhook'
    ? toWebhook(settings.url, message, signal)
    : toCommand(settings.command, message, signal);
}

async function toWebhook(address: string, message: Message, signal: AbortSignal): Promise<Sent> {
  const url = new URL(address);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers = {
    'content-type': 'application/json',
    ...(username || password
      ? { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
      : {}),
  };
  const secrets = [address, url.href, `${url.pathname}${url.search}`, url.pathname, username, password];
  try {
    // A redirect would take the message to where nobody has sent it.
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body: payloadOf(message),
      redirect: 'manual',
      signal,
    });
    const words = await startOf(answer);
    const said = words === '' ? '' : `: ${withoutSecrets(words, secrets)}`;
    if (answer.ok) return { ok: true, detail: `${answer.status}${said}` };
    const { status } = answer;
    const isFinal = status < 500 && status !== 408 && status !== 429;
    const retryAfterMs = delayOf(answer.headers.get('retry-after'));
    return {
      ok: false,
      detail: `it answered ${status}${said}`,
      isFinal,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  } catch (error) {
    if (signal.aborted) return { ok: false, detail: 'no answer in time' };
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return { ok: false, detail: withoutSecrets(messageOf(cause) || 'it can not be reached', secrets) };
  }
}

/** The first words of a body of any length. */
async function startOf(answer: Response): Promise<string> {
  const reader = answer.body?.getReader();
  if (!reader) return '';
  const decoder = new TextDecoder();
  let text = '';
  while (text.length < MAX_ANSWER) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel().catch(() => {});
  return clean(text.slice(0, MAX_ANSWER));
}

/** `Retry-After` in milliseconds: seconds, or a date. */
function delayOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length > 1)
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), clean(text));
}

function toCommand(command: string, message: Message, signal: AbortSignal): Promise<Sent> {
  return new Promise((done) => {
    const child = spawn('sh', ['-c', command], {
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...process.env, ...variablesOf(message) },
    });
    const { pid } = child;
    const kill = (): void => {
      try {
        if (pid !== undefined) process.kill(-pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    };
    const end = (sent: Sent): void => {
      signal.removeEventListener('abort', expire);
      child.stderr.destroy();
      done(sent);
    };
    const expire = (): void => {
      kill();
      end({ ok: false, detail: 'it has not ended in time and was killed' });
    };
    signal.addEventListener('abort', expire);
    if (signal.aborted) expire();
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(0, MAX_ANSWER);
    });
    // It may not care for its input.
    child.stdin.on('error', () => {});
    child.stdin.end(`${payloadOf(message)}\n`);
    child.on('error', (error) => end({ ok: false, detail: messageOf(error) }));
    // Not 'close': something it has left in the background may keep its output open.
    child.on('exit', (code, by) => {
      const how = code === null ? `was killed by ${by}` : `exit code ${code}`;
      const words = clean(complaint);
      end({ ok: code === 0, detail: words === '' ? how : `${how}: ${words}` });
    });
  });
}
