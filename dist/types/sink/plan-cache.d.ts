import { type Plan } from './plan.js';
export declare class PlanCache {
    #private;
    constructor(allowAttach: boolean);
    /** @throws EntryFault when the text can't be an entry. */
    get(sql: string): Plan;
}
