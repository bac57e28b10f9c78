/**
 * What `queue-maint alert --post` does, the process that send.ts starts: one POST to a webhook, told on standard input,
 * and the answer on standard output.
 */
import { messageOf } from '../errors.ts';
import { decoded } from './secrets.ts';
import type { Sent } from './send.ts';

export interface Letter {
  readonly url: string;
  readonly body: string;
}

/** For when whoever has started it is gone. */
const LIMIT_MS = 10_000;
/** The status is the answer: a body that never ends takes nothing from it. */
const BODY_MS = 1000;
const MAX_ANSWER = 2000;

/** Posts once; a redirect is not followed: it would take the message to where nobody has sent it. */
export async function post({ url: address, body }: Letter): Promise<Sent> {
  const url = new URL(address);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  const headers = {
    'content-type': 'application/json',
    ...(username || password ? { authorization: `Basic ${credentials}` } : {}),
  };
  const end = new AbortController();
  setTimeout(() => end.abort(), LIMIT_MS).unref();
  try {
    const { signal } = end;
    const answer = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal });
    setTimeout(() => end.abort(), BODY_MS).unref();
    const words = await startOf(answer);
    const said = words === '' ? '' : `: ${words}`;
    const { ok, status } = answer;
    if (ok) return { ok, detail: `${status}${said}` };
    const isFinal = status < 500 && status !== 408 && status !== 429;
    const retryAfterMs = delayOf(answer.headers.get('retry-after'));
    const pause = retryAfterMs === undefined ? {} : { retryAfterMs };
    return { ok, detail: `it answered ${status}${said}`, isFinal, ...pause };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return { ok: false, detail: messageOf(cause) || "it can't be reached" };
  }
}

/** The first words of a body of any length. */
async function startOf(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length >= MAX_ANSWER) break;
    }
  } catch {
    // It was cut off, or goes on and on.
  }
  return text.slice(0, MAX_ANSWER);
}

/** `Retry-After` in milliseconds: seconds, or a date. */
function delayOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
