type JobsModule = typeof import('./jobs.js');
export interface Place {
    readonly notBefore?: string | undefined;
    /** @throws QueueError USAGE, NOT_FOUND when the job does not take the entry. */
    claim(name: string): void;
    release(): void;
}
/** @throws QueueError USAGE, NOT_FOUND when the job does not take the entry. */
export declare function placeInJob(...args: Parameters<JobsModule['placeInJob']>): Place;
export {};
