import type { VacuumOptions, VacuumReport } from './vacuum.js';
/** @throws QueueError DATABASE when the database can't be used, or is not in that mode. */
export declare function vacuumIncrementally(path: string, { busyTimeout, onProgress }?: Omit<VacuumOptions, 'enableIncremental'>): Promise<VacuumReport>;
