/** What of the API's answers the page reads. */

export interface Report {
  readonly time: string;
  readonly state: string;
  readonly message: string;
  readonly spool: string;
  readonly depths: {
    readonly pending: number;
    readonly processing: number;
    readonly completed: number;
    readonly failed: number;
  };
  readonly oldest: { readonly name: string; readonly ageSeconds: number } | null;
  readonly worker: {
    readonly pid: number;
    readonly since: string | null;
    readonly heartbeatAgeSeconds: number;
  } | null;
  readonly statistics: {
    readonly processed: number;
    readonly retried: number;
    readonly duplicates: number;
    readonly direct: number;
  };
  readonly database: {
    readonly path: string;
    readonly state: string;
    readonly message: string | null;
    readonly size: number | null;
    readonly walSize: number;
  };
  readonly outages: readonly { readonly target: string; readonly message: string; readonly since: string }[];
  readonly complaints: readonly { readonly time: string; readonly level: string; readonly message: string }[];
  readonly operations?: readonly Operation[];
  readonly appliedPerSecond: number | null;
  readonly latency: { readonly p50Ms: number; readonly p95Ms: number; readonly p99Ms: number } | null;
  readonly paused: { readonly all: boolean; readonly operations: readonly string[]; readonly held: number };
  readonly jobs: { readonly jobs: readonly Job[] };
  readonly failures: readonly { readonly name: string; readonly failedAt: string }[];
}

export interface Operation {
  readonly operation: string;
  readonly count: number;
  readonly failed: number;
  readonly meanMicros: number;
  readonly p95Micros: number;
}

export interface Job {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly isSealed: boolean;
  readonly expected: number | null;
  readonly total: number;
  readonly processed: number;
  readonly failed: number;
  readonly withdrawn: number;
  readonly error: string | null;
}

export interface Entry {
  readonly name: string;
  readonly state: string;
  readonly priority: number | null;
  readonly operation: string | null;
  readonly sql: string | null;
  readonly params: unknown;
  readonly metadata: unknown;
  readonly isCut: boolean;
  readonly id: string | null;
  readonly job: string | null;
  readonly db: string | null;
  readonly retries: number | null;
  readonly queuedAt: string | null;
  readonly notBefore: string | null;
  readonly appliedAt: string | null;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly at: string;
  } | null;
}

export interface Entries {
  readonly entries: readonly Entry[];
  readonly next: string | null;
}
