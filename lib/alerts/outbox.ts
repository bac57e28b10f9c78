/**
 * The outbox: messages are sent in their order, each channel on its own, and tried again for a while.
 *
 * A message is claimed before it is sent, so that of two processes one sends it; a claim ends with its process, or
 * after a minute. After MAX_TRIES it is given up with a line in worker.log: what it is about stands in queue-status.
 */
import type { AlertSettings } from '../config.ts';
import { isAlive } from '../processes.ts';
import { channelsOf } from './incidents.ts';
import { type Sent, send } from './send.ts';
import type { AlertState, AlertStore, Channel, Parcel } from './state.ts';

export type Complain = (level: 'info' | 'warn', message: string) => void;

/** With these pauses the last try is a quarter of an hour after the first. */
const MAX_TRIES = 8;
const FIRST_PAUSE_MS = 5000;
const MAX_PAUSE_MS = 300_000;
const MAX_RETRY_AFTER_MS = 3_600_000;
const CLAIM_MS = 60_000;

export interface Outbox {
  readonly store: AlertStore;
  readonly settings: AlertSettings;
  readonly log: Complain;
  /** Ends what is being sent; it counts as not sent. */
  readonly stop?: AbortSignal;
}

/**
 * Sends what is due, until nothing is.
 * @returns whether everything is sent that has a way; false when something is left for later.
 */
export async function sendDue(outbox: Outbox): Promise<boolean> {
  const channels = channelsOf(outbox.settings);
  await Promise.all(channels.map((channel) => sendChannel(outbox, channel)));
  return outbox.store.read().outbox.every(({ channel }) => !channels.includes(channel));
}

async function sendChannel(outbox: Outbox, channel: Channel): Promise<void> {
  const { store, settings, stop } = outbox;
  while (!stop?.aborted) {
    // Without the lock first: it is asked every second.
    if (!nextOf(store.read(), channel)) return;
    const parcel = await store.change((state) => claim(state, channel));
    if (!parcel) return;
    const sent = await send(channel, parcel.message, settings, stop);
    await store.change((state) => note(state, parcel, sent, outbox));
  }
}

/** The first of a channel, if it is due and nobody is sending it: the end of an incident must not overtake its start. */
function nextOf({ outbox }: AlertState, channel: Channel): Parcel | undefined {
  const first = outbox.find((parcel) => parcel.channel === channel);
  const now = Date.now();
  if (!first) return undefined;
  const { claim, due, from = due - MAX_RETRY_AFTER_MS } = first;
  if (from <= now && now < due) return undefined;
  const isClaimed = claim && claim.until > now && claim.until <= now + CLAIM_MS && isAlive(claim.pid);
  return isClaimed && claim.pid !== process.pid ? undefined : first;
}

function claim(state: AlertState, channel: Channel): Parcel | undefined {
  const parcel = nextOf(state, channel);
  if (!parcel) return undefined;
  const claimed: Parcel = {
    ...parcel,
    tries: parcel.tries + 1,
    claim: { pid: process.pid, until: Date.now() + CLAIM_MS },
  };
  state.outbox[state.outbox.indexOf(parcel)] = claimed;
  return claimed;
}

function note(state: AlertState, parcel: Parcel, sent: Sent, { log, stop }: Outbox): void {
  const index = state.outbox.findIndex(
    ({ message, channel }) => message.id === parcel.message.id && channel === parcel.channel,
  );
  const which = `alert "${parcel.message.what}" (${parcel.message.phase}, ${parcel.channel})`;
  if (index === -1) return;
  const { claim: _claim, ...rest } = parcel;
  if (sent.ok) {
    state.outbox.splice(index, 1);
  } else if (stop?.aborted) {
    // This process leaves: that is nobody's fault, and the next one goes on.
    state.outbox[index] = { ...rest, tries: parcel.tries - 1 };
  } else if (sent.isFinal || parcel.tries >= MAX_TRIES) {
    state.outbox.splice(index, 1);
    log('warn', `${which} is given up after ${parcel.tries} of ${MAX_TRIES} tries: ${sent.detail}`);
  } else {
    const backoff = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (parcel.tries - 1));
    const pause = Math.min(MAX_RETRY_AFTER_MS, Math.max(backoff, sent.retryAfterMs ?? 0));
    const from = Date.now();
    state.outbox[index] = { ...rest, due: from + pause, from };
    log('warn', `${which} is sent again in ${Math.round(pause / 1000)} s: ${sent.detail}`);
  }
}
