/** Requests to the server. What it refuses is an error with its words; without a session the page asks for the token. */
import type { Entries, Report } from './types.ts';

export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The server did not answer at all. */
export function isGone(error: unknown): boolean {
  return error instanceof Refused && error.status === 0;
}

/** Called when the session is over. */
let onLocked: () => void = () => {};

export function whenLocked(call: () => void): void {
  onLocked = call;
}

async function request<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { 'content-type': 'application/json' };
  }
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new Refused(0, "the server can't be reached; is queue-serve running?");
  }
  const text = await answer.text();
  if (answer.ok) return (text === '' ? undefined : parsed(text)) as T;
  if (answer.status === 401 && path !== '/login') {
    onLocked();
    // The server's words are for programs that have no token.
    throw new Refused(401, 'the session is over; log in again');
  }
  throw new Refused(answer.status, wordsOf(text) ?? `the server answers ${answer.status}`);
}

interface ExactJson {
  parse(
    text: string,
    revive: (key: string, value: unknown, context?: { source?: string }) => unknown,
  ): unknown;
  rawJSON?(text: string): unknown;
}

/** With every digit of a number in a parameter, where the browser can (all since 2025). */
function parsed(text: string): unknown {
  const { parse, rawJSON } = JSON as unknown as ExactJson;
  if (!rawJSON) return JSON.parse(text);
  return parse(text, (_key, value, context) => {
    const isRounded =
      typeof value === 'number' && context?.source !== undefined && String(value) !== context.source;
    return isRounded && Math.abs(value) > Number.MAX_SAFE_INTEGER ? rawJSON(context.source as string) : value;
  });
}

function wordsOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error: { message: string; hint: string | null } };
    return error.hint ? `${error.message}. ${error.hint}` : error.message;
  } catch {
    return undefined;
  }
}

export const api = {
  login: (token: string) => request<void>('POST', '/login', { token }),
  status: () => request<Report>('GET', '/api/v1/status'),
  entries: (query: Readonly<Record<string, string>>) =>
    request<Entries>('GET', `/api/v1/entries?${new URLSearchParams(query)}`),
  retry: (name: string) => request<Answer>('POST', `/api/v1/failed/${encodeURIComponent(name)}/retry`),
  discard: (name: string) => request<Answer>('POST', `/api/v1/failed/${encodeURIComponent(name)}/discard`),
  pause: (operation?: string) => request<void>('POST', '/api/v1/queue/pause', { operation }),
  resume: (operation?: string) => request<void>('POST', '/api/v1/queue/resume', { operation }),
};

interface Answer {
  readonly done: readonly string[];
  readonly refused: readonly { readonly name: string; readonly why: string }[];
}
