/** Loads dist/jobs.cjs, which registers an entry in its job, when an entry has one. */
import { messageOf } from '../errors.ts';
import { errorOf, load } from './load.ts';

type JobsModule = typeof import('./jobs.ts');

export interface Place {
  readonly notBefore?: string | undefined;
  /** @throws QueueError USAGE, NOT_FOUND when the job does not take the entry. */
  claim(name: string): void;
  release(): void;
}

/** @throws QueueError USAGE, NOT_FOUND when the job does not take the entry. */
export function placeInJob(...args: Parameters<JobsModule['placeInJob']>): Place {
  let jobs: JobsModule;
  try {
    jobs = load('jobs.cjs');
  } catch (error) {
    args[3](messageOf(error));
    return { claim() {}, release() {} };
  }
  const place = jobs.placeInJob(...args);
  if ('code' in place) throw errorOf(place);
  const { notBefore, release } = place;
  const claim = (name: string): void => {
    const refusal = place.claim(name);
    if (refusal) throw errorOf(refusal);
  };
  return { notBefore, claim, release };
}
