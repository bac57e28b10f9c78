/** Dead letters put back or thrown away, one or all. */
import { retryLetters } from '../jobs/retry.ts';

import type { Spool } from '../spool/layout.ts';
import { allLetterNames, findLetters } from '../spool/letters.ts';
import { discardLetters, type Refusal as Kept } from '../worker/retry.ts';
import { Refusal } from './refusal.ts';

export interface LetterAnswer {
  /** Names in failed/ that were put back, or removed. */
  readonly done: readonly string[];
  readonly refused: readonly Kept[];
}

/** In the place of a name. */
const ALL = 'all';

/** @throws Refusal, QueueError NOT_FOUND; system errors. */
export function retryFailed(spool: Spool, name: string): LetterAnswer {
  const { retried, refused } = retryLetters(spool, chosen(spool, name));
  const [only] = refused;
  if (name !== ALL && only)
    throw new Refusal(409, 'NOT_RETRIED', `${only.name} stays in failed/: ${only.why}`);
  return { done: retried, refused };
}

export function discardFailed(spool: Spool, name: string): LetterAnswer {
  const names = chosen(spool, name);
  discardLetters(spool, names);
  return { done: names, refused: [] };
}

function chosen(spool: Spool, name: string): string[] {
  return name === ALL ? allLetterNames(spool) : findLetters(spool, [name]);
}
