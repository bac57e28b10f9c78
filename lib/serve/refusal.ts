/** A request that is not served, as the client is told: `{"error": {code, message, hint}}`. */
import { codeOf, messageOf, QueueError } from '../errors.ts';

export type Status = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 500 | 503;

export class Refusal extends Error {
  readonly status: Status;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(status: Status, code: string, message: string, hint?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

/** What is thrown below as a refusal; undefined for what is a defect of ours. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (error instanceof QueueError) {
    return new Refusal(STATUS[error.code] ?? 503, error.code, error.message, error.hint);
  }
  // The system says of a file what is wrong: no descriptor left, no room.
  if (error instanceof Error && 'syscall' in error && codeOf(error) !== undefined) {
    return new Refusal(503, 'SYSTEM', messageOf(error));
  }
  return undefined;
}

const STATUS: Readonly<Record<string, Status>> = {
  USAGE: 400,
  BAD_ENTRY: 400,
  NOT_FOUND: 404,
};
