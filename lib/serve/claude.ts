/** What Claude Code's `http` hook posts: the body as it comes, logged as hooks/tool-log.sh does. */
import { join } from 'node:path';
import { installationPath } from '../package.ts';
import { nowMicros } from '../spool/sequence.ts';
import type { Draft } from './items.ts';

/** @param payload whatever it is: the tables keep what is no JSON as text. */
export function claudeEvent(payload: string, env: NodeJS.ProcessEnv = process.env): Draft {
  const bytes = env.QUEUE_EVENT_BYTES;
  const micros = String(nowMicros());
  const at = `${micros.slice(0, -6)}.${micros.slice(-6)}`;
  return {
    priority: 7,
    operation: 'log_event',
    sql: bytes
      ? "INSERT INTO hook_input(task,at,hook,bytes) VALUES('event',:at,:hook,:bytes)"
      : "INSERT INTO hook_input(task,at,hook) VALUES('event',:at,:hook)",
    params: { at, hook: payload, ...(bytes ? { bytes } : {}) },
    metadata: {},
    created_at: new Date().toISOString(),
    retries: 0,
    schema: join(installationPath(), 'hooks', 'schema.sql'),
  };
}
