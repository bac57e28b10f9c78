/** A sleep that can be ended early. */
export declare class Nap {
    #private;
    sleep(ms: number): Promise<void>;
    end(): void;
}
