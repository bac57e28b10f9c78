import { type QueuePlace } from './place.js';
/** @throws QueueError when files that were taken go to another database. */
export declare function aimAt(place: QueuePlace, database: string): void;
/** Nothing is left to be settled. */
export declare function forgetTarget(place: QueuePlace): void;
