/** How queue-maint health shows its checks: a line each, what to do below those that need it. */
import { type Paint } from '../../terminal/text.js';
import type { HealthCheck, HealthState } from './check.js';
import type { HealthReport } from './health.js';
type Format = Parameters<Paint>[0];
export declare const STATE_FORMATS: Readonly<Record<HealthState | 'skipped', Format>>;
/** `state  name  value  limits  detail`; the last line counts. Nothing is cut: it may have to be copied. */
export declare function renderHealth({ checks }: HealthReport, paint: Paint): string[];
/** How many there are of each state. */
export declare function summaryOf(checks: readonly HealthCheck[]): string;
export {};
