/** What must be put right before Ctrl-C or a plain kill ends the process: the terminal, a queue that is held. */
/** For executables: from now on duties are done. What a signal does to a program that uses the API is its own affair. */
export declare function doDutiesOnSignals(): void;
/**
 * Has `duty` done when a signal comes; then the process ends by that signal, whatever its threads are at.
 * @returns takes the duty back.
 */
export declare function onInterrupt(duty: () => void): () => void;
