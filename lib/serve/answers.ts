/** Answers in JSON, those that refuse among them. */
import type { Context } from 'hono';
import { messageOf } from '../errors.ts';
import { exactJson } from '../exact-json.ts';
import type { Spool } from '../spool/layout.ts';
import { openLog } from '../worker/log.ts';
import { Refusal, type Status } from './refusal.ts';

export function answerRefusal(c: Context, { status, code, message, hint }: Refusal): Response {
  if (status === 401) c.header('www-authenticate', 'Bearer realm="hookspool"');
  if (status === 503 || status === 429) c.header('retry-after', '1');
  return json(c, { error: { code, message, hint: hint ?? null } }, status);
}

/** The stack is for the log, not for the client. */
export function defect(spool: Spool, error: unknown): Refusal {
  openLog(spool)(
    'error',
    `queue-serve: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return new Refusal(500, 'INTERNAL', messageOf(error).slice(0, 500), 'See worker.log.');
}

/** One line, for terminals. */
export function json(c: Context, value: unknown, status: Status | 200 | 207 | 422 = 200): Response {
  return c.body(`${exactJson(value)}\n`, status, { 'content-type': 'application/json; charset=utf-8' });
}
