/** Runs the statements of an entry, to their last row. */
import type { Db, Prepared } from './driver.ts';
import { argumentsOf, type Step, type Value } from './params.ts';

/** Runs the steps in order; the first error ends it. */
export function runSteps(db: Db, steps: readonly Step[], values: readonly Value[]): void {
  for (let at = 0; at < steps.length; at++) runStep(db, steps[at] as Step, values);
}

function runStep(db: Db, step: Step, values: readonly Value[]): void {
  // To compile and run a text at once costs a fifth of preparing it, so preparing pays from the second time on.
  if (step.runs++ === 0 && step.slots.length === 0) {
    db.exec(step.sql);
    return;
  }
  step.prepared ??= prepare(db, step);
  const bound = argumentsOf(step, values);
  if (!step.returnsRows) {
    step.prepared.run(bound);
    return;
  }
  // run() refuses such a statement, all() would keep the rows.
  for (const _row of step.prepared.iterate(bound)) {
  }
}

function prepare(db: Db, step: Step): Prepared {
  let prepared: Prepared;
  try {
    prepared = db.prepare(step.sql);
  } catch (error) {
    // Say what is wrong with the author's text, not with the one whose parameters we rewrote.
    if (step.sql !== step.text) db.prepare(step.text);
    throw error;
  }
  step.returnsRows = prepared.reader;
  return prepared.reader ? prepared.pluck() : prepared;
}
