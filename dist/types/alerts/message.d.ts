export type Phase = 'start' | 'end' | 'test';
export interface Message {
    /** The same when a message had to be sent again. */
    readonly id: string;
    readonly kind: string;
    readonly phase: Phase;
    /** What is the matter, or is over; one line. */
    readonly what: string;
    /** What to do; '' when nothing has to be done. */
    readonly advice: string;
    /** ISO 8601, UTC. */
    readonly since: string;
    /** When it was over, or null. */
    readonly until: string | null;
    readonly host: string;
    /** The spool's directory. */
    readonly spool: string;
}
/** Adds where it is and takes out what could do harm. */
export declare function message(parts: Omit<Message, 'host'>): Message;
/** The lines that a person reads. */
export declare function textOf({ phase, what, advice, since, until, host, spool }: Message): string;
/** The body for a webhook, and a command's standard input. */
export declare function payloadOf(message: Message): string;
/** The variables for a command. */
export declare function variablesOf(message: Message): Record<string, string>;
/** One line, without anything that steers a terminal, and not too long. */
export declare function clean(text: string): string;
