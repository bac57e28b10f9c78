/** What requests bring: their bodies, headers and queries, read and checked. */
import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import { messageOf } from '../errors.ts';
import { ENTRY_STATES, type EntriesQuery, type EntryState } from './entries.ts';
import { parseObject, textOf } from './items.ts';
import { Refusal } from './refusal.ts';

const MAX_SOURCE_LENGTH = 200;

/** Read from the connection itself, by its events: a web stream of it costs more than all the rest of a small push. */
export function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((done, fail) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const tooLarge = (): void =>
      fail(new Refusal(413, 'TOO_LARGE', `the body has more than ${maxBytes} bytes`));
    const missing = (why: string): void =>
      fail(new Refusal(400, 'BAD_REQUEST', `the body did not arrive: ${why}`));
    if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) return tooLarge();
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= maxBytes) return void chunks.push(chunk);
      // The rest is nobody's; it is left to the library, which reads or cuts it off behind the answer.
      incoming.off('data', take).pause();
      tooLarge();
    };
    incoming.on('data', take);
    incoming.on('end', () =>
      done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length)),
    );
    incoming.on('error', (error) => missing(messageOf(error)));
    incoming.on('close', () => {
      if (!incoming.readableEnded) missing('the connection was closed');
    });
  });
}

/** A page of another site may send text/plain without asking first, but not this. */
export function requireJson(c: Context): void {
  const type = c.req.header('content-type') ?? '';
  if (/^application\/json\s*(;|$)/i.test(type)) return;
  throw new Refusal(415, 'NOT_JSON', 'the Content-Type must be application/json');
}

export function sourceOf(c: Context): string {
  const source = c.req.header('x-source') ?? '';
  if (source.length <= MAX_SOURCE_LENGTH) return source;
  throw new Refusal(400, 'BAD_REQUEST', `X-Source has more than ${MAX_SOURCE_LENGTH} characters`);
}

export function operationOf(c: Context, body: Buffer): string | undefined {
  if (body.length === 0) return undefined;
  requireJson(c);
  const { operation } = parseObject(textOf(body));
  if (operation === undefined || operation === null || typeof operation === 'string')
    return operation ?? undefined;
  throw new Refusal(400, 'BAD_REQUEST', '"operation" must be a string');
}

export function entriesQuery(c: Context): EntriesQuery {
  const state = c.req.query('state') ?? 'pending';
  if (!ENTRY_STATES.includes(state as EntryState))
    throw new Refusal(400, 'BAD_REQUEST', `"state" must be one of ${ENTRY_STATES.join(', ')}`);
  return {
    state: state as EntryState,
    operation: c.req.query('operation') || undefined,
    q: c.req.query('q') || undefined,
    limit: limitOf(c, 500),
    after: c.req.query('after') || undefined,
  };
}

export function limitOf(c: Context, max: number): number {
  const text = c.req.query('limit') ?? '100';
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= max) return limit;
  throw new Refusal(400, 'BAD_REQUEST', `"limit" must be a whole number from 1 to ${max}`);
}
