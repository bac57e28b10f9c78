/**
 * Incidents: one message when one begins, one when it is over.
 *
 * A finding makes an incident, known by its key; while it is found again nothing more is said. It is over when the one
 * who looks says so, not when it is merely not found: a worker that has just started does not know yet whether the
 * database works. Of one key an incident is told at most every `interval` seconds; one that is over before it was told
 * is not told at all. So the most that a flapping disk can bring about is two messages in that time.
 */
import { randomUUID } from 'node:crypto';
import type { AlertSettings } from '../config.ts';
import type { Spool } from '../spool/layout.ts';
import { message, type Phase } from './message.ts';
import type { AlertState, Channel, Incident } from './state.ts';

export interface Finding {
  readonly key: string;
  readonly kind: string;
  readonly subject: string;
  readonly since: string;
  readonly what: string;
  readonly advice: string;
}

export interface Look {
  readonly found: readonly Finding[];
  /** Of an incident that was not found: what to say when it is over; undefined when that is not known. */
  isOver(key: string, incident: Incident): string | undefined;
}

/** More than this many messages wait for nobody; the oldest goes. */
const MAX_OUTBOX = 50;

/** Where messages go, by the settings. */
export function channelsOf({ url, command }: AlertSettings): Channel[] {
  return [...(url === '' ? [] : ['webhook' as const]), ...(command === '' ? [] : ['command' as const])];
}

/**
 * Brings the incidents up to date with what was found, and puts the messages about it into the outbox.
 * @returns messages that had to go, because nothing takes them.
 */
export function settleIncidents(
  state: AlertState,
  look: Look,
  spool: Spool,
  settings: AlertSettings,
): number {
  const now = Date.now();
  const found = new Map(look.found.map((finding) => [finding.key, finding]));
  for (const { key, ...finding } of look.found) {
    const known = state.incidents[key];
    state.incidents[key] = { ...finding, since: known?.since ?? finding.since, told: known?.told ?? false };
  }
  const tell = (phase: Phase, incident: Incident, what: string): void =>
    post(state, spool, settings, phase, incident, what, now);
  for (const [key, incident] of Object.entries(state.incidents)) {
    if (found.has(key)) continue;
    const what = look.isOver(key, incident);
    if (what === undefined) continue;
    if (incident.told) tell('end', incident, what);
    delete state.incidents[key];
  }
  for (const [key, incident] of Object.entries(state.incidents)) {
    if (incident.told || isRecent(state.toldAt[key], now, settings.interval)) continue;
    if (isToldOtherwise(state, incident)) continue;
    tell('start', incident, incident.what);
    state.incidents[key] = { ...incident, told: true };
    state.toldAt[key] = now;
  }
  for (const [key, at] of Object.entries(state.toldAt)) {
    if (!isRecent(at, now, settings.interval)) delete state.toldAt[key];
  }
  const surplus = Math.max(0, state.outbox.length - MAX_OUTBOX);
  state.outbox.splice(0, surplus);
  return surplus;
}

/** A clock that was set back must not silence anyone. */
export function isRecent(at: number | undefined, now: number, seconds: number): boolean {
  return at !== undefined && Math.abs(now - at) < seconds * 1000;
}

/** Worker and health have thresholds of their own; about one thing one of them is enough. */
function isToldOtherwise(state: AlertState, incident: Incident): boolean {
  return Object.values(state.incidents).some(
    (other) =>
      other.told &&
      other.subject === incident.subject &&
      (other.kind === 'health') !== (incident.kind === 'health'),
  );
}

function post(
  state: AlertState,
  spool: Spool,
  settings: AlertSettings,
  phase: Phase,
  { kind, since, advice }: Incident,
  what: string,
  now: number,
): void {
  const told = message({
    id: randomUUID(),
    kind,
    phase,
    what,
    advice: phase === 'end' ? '' : advice,
    since,
    until: phase === 'end' ? new Date(now).toISOString() : null,
    spool: spool.base,
  });
  for (const channel of channelsOf(settings)) {
    state.outbox.push({ channel, message: told, tries: 0, due: now });
  }
}
