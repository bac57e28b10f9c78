/**
 * What the fault suite shares: a seed that makes a run repeatable, and the figures it is judged by.
 *
 * Every random choice comes from `FAULT_SEED` and the test's name, so a run is repeated by its seed alone. Processes
 * still race as they please: what a seed repeats are the choices, not the schedule.
 *
 * `FAULT_FULL=1` asks for everything a test can do: each point of a sweep instead of a sample, the long form of a
 * storm. scripts/test --soak sets it; the form without it must fit into CI's time.
 */
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestContext } from 'node:test';
import { ROOT } from './project.ts';

export const SEED = seedOf(process.env.FAULT_SEED);
export const FULL = process.env.FAULT_FULL === '1';

/** What a test did and what went wrong: the last three must be 0. */
export interface Figures {
  entries: number;
  kills: number;
  faults: number;
  lost: number;
  duplicated: number;
  outOfOrder: number;
}

export interface FaultRun {
  readonly random: Random;
  /** Adds to the figures. */
  count(figures: Partial<Figures>): void;
}

/**
 * Runs a test of the fault suite and keeps its account: at the end its figures are shown, after a failure with the
 * command that repeats it, and appended to the file `FAULT_FIGURES`, from which scripts/test makes a table.
 */
export async function faultRun(t: TestContext, body: (run: FaultRun) => Promise<void>): Promise<void> {
  const figures: Figures = { entries: 0, kills: 0, faults: 0, lost: 0, duplicated: 0, outOfOrder: 0 };
  const file = relative(ROOT, t.filePath ?? '');
  const count = (more: Partial<Figures>): void => {
    for (const [key, value] of Object.entries(more)) figures[key as keyof Figures] += value;
  };
  try {
    await body({ random: new Random(`${SEED} ${t.name}`), count });
  } catch (error) {
    t.diagnostic(`again: ${FULL ? 'FAULT_FULL=1 ' : ''}FAULT_SEED=${SEED} scripts/test ${file}`);
    throw error;
  } finally {
    const { entries, kills, faults, lost, duplicated, outOfOrder } = figures;
    t.diagnostic(
      `seed ${SEED}: ${entries} entries, ${kills} kills, ${faults} faults injected, ` +
        `${lost} lost, ${duplicated} duplicated, ${outOfOrder} out of order`,
    );
    const path = process.env.FAULT_FIGURES;
    if (path) appendFileSync(path, `${JSON.stringify({ seed: SEED, test: t.name, ...figures })}\n`);
  }
}

/** How what arrived differs from what was sent, whatever the order. */
export function compare(
  sent: readonly string[],
  arrived: readonly string[],
): { lost: string[]; duplicated: string[] } {
  const left = new Map<string, number>();
  for (const item of sent) left.set(item, (left.get(item) ?? 0) + 1);
  const duplicated: string[] = [];
  for (const item of arrived) {
    const count = left.get(item) ?? 0;
    if (count === 0) duplicated.push(item);
    else left.set(item, count - 1);
  }
  const lost = [...left].flatMap(([item, count]) => Array.from({ length: count }, () => item));
  return { lost, duplicated };
}

/** mulberry32, seeded with FNV-1a of a text: small, and good enough to choose with. */
export class Random {
  #state: number;

  constructor(text: string) {
    let hash = 0x811c9dc5;
    for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) as number), 0x01000193);
    this.#state = hash >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('there is nothing to choose from');
    return list[this.below(list.length)] as T;
  }

  /** `count` of them in the order they stand in, or all when there are fewer. */
  sample<T>(list: readonly T[], count: number): T[] {
    const order = this.shuffle(list.map((_, index) => index)).slice(0, count);
    return order.sort((a, b) => a - b).map((index) => list[index] as T);
  }

  shuffle<T>(list: readonly T[]): T[] {
    const order = [...list];
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j] as T, order[i] as T];
    }
    return order;
  }
}

function seedOf(text: string | undefined): number {
  if (text === undefined || text === '') return Math.floor(Math.random() * 1_000_000_000);
  if (!/^\d{1,9}$/.test(text)) throw new Error(`FAULT_SEED is "${text}", not a number of at most 9 digits`);
  return Number(text);
}
