import { type QueuePlace, type Refusal } from './place.js';
/** Takes all files of failures. @throws QueueError when one can't be kept. */
export declare function takeFailures(place: QueuePlace): Refusal[];
