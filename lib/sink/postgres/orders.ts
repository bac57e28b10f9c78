/** What the two sides of the PostgreSQL sink say to each other: plain data. */
import type { MessagePort } from 'node:worker_threads';
import type { Params } from '../../spool/entry.ts';
import type { Outcome } from '../sink.ts';

/** An entry as the sink hands it over. */
export interface Job {
  readonly sql: string;
  readonly params?: Params | undefined;
  readonly schema?: string | undefined;
  readonly key: string;
}

export interface SessionOptions {
  readonly url: string;
  readonly exactlyOnce: boolean;
  /** Milliseconds a statement may run, and may wait for a lock. */
  readonly statementTimeout: number;
  readonly lockTimeout: number;
}

export interface Order {
  readonly kind: 'many' | 'alone' | 'begin' | 'apply' | 'commit' | 'rollback' | 'applied' | 'close';
  readonly jobs?: readonly Job[];
  readonly keys?: readonly string[];
}

export interface Answer {
  readonly outcomes?: readonly Outcome[];
  readonly keys?: readonly string[];
  readonly outage?: {
    readonly reason: string;
    readonly message: string;
    readonly duringEntry: boolean;
    readonly inDoubt: boolean;
    readonly hint?: string | undefined;
  };
  /** false: there is no connection, and the last try to make one failed or goes on. */
  readonly isConnected?: boolean;
  readonly warnings?: readonly string[];
}

export interface ThreadData {
  readonly role: 'postgres';
  readonly session: SessionOptions;
  readonly port: MessagePort;
  /** The first changes and is notified with every answer, the second is no longer 0 when the thread has ended. */
  readonly cells: Int32Array;
}
