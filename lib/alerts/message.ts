/**
 * What is said of an incident, for a webhook and for a command.
 *
 * The payload is what Slack's incoming webhooks take, `{"text": ...}`, with the same as fields of their own for others.
 * Texts hold what entries hold: no control character gets in, `&`, `<` and `>` are written as Slack wants them (so
 * nothing in an error mentions a channel), and a command gets everything on standard input and in its environment,
 * nothing in its command line.
 */
import { hostname } from 'node:os';

export type Phase = 'start' | 'end' | 'test';

export interface Message {
  /** The same when a message had to be sent again. */
  readonly id: string;
  readonly kind: string;
  readonly phase: Phase;
  /** What is the matter, or is over; one line. */
  readonly what: string;
  /** What to do; '' when nothing has to be done. */
  readonly advice: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** When it was over, or null. */
  readonly until: string | null;
  readonly host: string;
  /** The spool's directory. */
  readonly spool: string;
}

const MAX_LENGTH = 600;
const CONTROLS = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/gu;
const MARKS = { start: 'PROBLEM', end: 'over', test: 'test' } as const;

/** Adds where it is and takes out what could do harm. */
export function message(parts: Omit<Message, 'host'>): Message {
  return {
    ...parts,
    what: clean(parts.what),
    advice: clean(parts.advice),
    spool: clean(parts.spool),
    host: clean(hostname()),
  };
}

/** The lines that a person reads. */
export function textOf({ phase, what, advice, since, until, host, spool }: Message): string {
  const lines = [`[${MARKS[phase]}] hookspool on ${host}: ${what}`];
  if (phase !== 'test') lines.push(until === null ? `since ${since}` : `from ${since} to ${until}`);
  lines.push(`spool: ${spool}`);
  if (advice !== '') lines.push(`to do: ${advice}`);
  return lines.join('\n');
}

/** The body for a webhook, and a command's standard input. */
export function payloadOf(message: Message): string {
  const text = textOf(message).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return JSON.stringify({ text, ...message });
}

/** The variables for a command. */
export function variablesOf(message: Message): Record<string, string> {
  const fields = Object.entries({ ...message, until: message.until ?? '', text: textOf(message) });
  return Object.fromEntries(fields.map(([name, value]) => [`HOOKSPOOL_ALERT_${name.toUpperCase()}`, value]));
}

/** One line, without anything that steers a terminal, and not too long. */
export function clean(text: string): string {
  const line = text.replace(CONTROLS, ' ').trim();
  return line.length <= MAX_LENGTH ? line : `${line.slice(0, MAX_LENGTH - 1)}…`;
}
