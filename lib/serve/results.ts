/** What became of pushed items, as the client is told. */
import { messageOf, QueueError } from '../errors.ts';
import type { DirectOutcome } from './direct-process.ts';
import type { Draft, Item } from './items.ts';

export type ItemState = 'applied' | 'duplicate' | 'spooled' | 'failed' | 'refused';
export const ITEM_STATES: readonly ItemState[] = ['applied', 'duplicate', 'spooled', 'failed', 'refused'];

export interface ItemResult {
  /** The client's own, or null. */
  readonly id: string | null;
  readonly state: ItemState;
  /** The entry's name, in pending/, failed/ and the journal. */
  readonly name?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

export interface PushAnswer {
  /** How many are in the database or the spool. */
  readonly pushed: number;
  /** How many of these are in the spool alone. */
  readonly qos0: number;
  /** Some were spooled because the database could not be written to. */
  readonly failover: boolean;
  readonly dbHealthy: boolean;
  readonly results: readonly ItemResult[];
}

export type Fate = Omit<ItemResult, 'id'>;

interface ErrorText {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

export function refused(item: Item): ItemResult {
  const message = 'problem' in item ? item.problem : '';
  return { id: item.id, state: 'refused', error: { code: 'BAD_ITEM', message } };
}

/** One that may go through later is spooled: the worker tries it again. */
export function fateOf(outcome: DirectOutcome, name: string, { id }: Draft): Fate {
  // Its key is the client's or new: a new one is in the ledger when its process died before it could answer.
  if (outcome.kind === 'duplicate') return { state: id === undefined ? 'applied' : 'duplicate', name };
  if (outcome.kind === 'applied') return { state: outcome.duplicateRow ? 'duplicate' : 'applied', name };
  if (outcome.transient) return { state: 'spooled', name };
  return { state: 'failed', name, error: publicError(outcome.error) };
}

export function publicError({ code, message, hint }: ErrorText): NonNullable<ItemResult['error']> {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

/** Neither the database nor the spool has it. */
export function unwritten(error: unknown): Fate {
  const known = error instanceof QueueError ? error : { code: 'DATABASE', message: messageOf(error) };
  return { state: 'failed', error: publicError(known) };
}
