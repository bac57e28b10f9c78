/** What happens in one round of a history, and fast-check's way to make one up. */
import fc from 'fast-check';

const KINDS = ['row', 'row', 'row', 'row', 'row', 'fails', 'fails for now', 'passes later'] as const;

export interface Newcomer {
  readonly priority: number;
  /** Half hours before now: with QUEUE_AGING of an hour no rank changes in the course of a round. */
  readonly age: number;
  readonly kind: (typeof KINDS)[number];
  readonly other: boolean;
  readonly id?: number | undefined;
  readonly delay: 'none' | 'past' | 'soon' | 'never';
}

export interface Round {
  readonly newcomers: Newcomer[];
  /** How many entries a bash process of its own writes, in turn of two priorities. */
  readonly written: number;
  readonly mode: 'once' | 'killed' | 'here';
  readonly batch: number;
  readonly down: 'main' | 'other' | undefined;
  /** After so many of the entries that wait have left, or (0) as soon as the process is there. */
  readonly killAt: number;
}

const newcomer: fc.Arbitrary<Newcomer> = fc.record({
  priority: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.constant(5)),
  age: fc.integer({ min: 0, max: 12 }),
  kind: fc.constantFrom(...KINDS),
  other: fc.boolean(),
  id: fc.oneof(fc.constant(undefined), fc.constant(undefined), fc.integer({ min: 0, max: 9 })),
  delay: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'none', 'past', 'soon', 'never'),
});

export const round = (modes: readonly Round['mode'][]): fc.Arbitrary<Round> =>
  fc.record({
    newcomers: fc.array(newcomer, { minLength: 5, maxLength: 40, size: 'max' }),
    written: fc.constantFrom(0, 0, 12),
    mode: fc.constantFrom(...modes),
    batch: fc.integer({ min: 1, max: 7 }),
    down: fc.constantFrom(undefined, undefined, 'main', 'other'),
    killAt: fc.integer({ min: 0, max: 30 }),
  });
