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
import { Random } from './random.ts';

export { Random };

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
    if (path) appendFileSync(path, `${JSON.stringify({ seed: SEED, file, ...figures })}\n`);
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

function seedOf(text: string | undefined): number {
  if (text === undefined || text === '') return Math.floor(Math.random() * 1_000_000_000);
  if (!/^\d{1,9}$/.test(text)) throw new Error(`FAULT_SEED is "${text}", not a number of at most 9 digits`);
  return Number(text);
}
