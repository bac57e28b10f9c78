/**
 * From where on a health check warns: the checks' names and defaults, and how a user writes others,
 * `wal=50MB:100MB disk=10GB:5GB failed=off`. What is not such a text is an error that names it and what is allowed.
 */
import { QueueError } from '../../errors.ts';
import { formatBytes, formatSeconds } from '../../terminal/text.ts';

export type Unit = 'bytes' | 'seconds' | 'percent' | 'count';

export interface Limits {
  readonly unit: Unit;
  /** At this value and beyond. */
  readonly warning: number;
  readonly critical: number;
  /** Values below are the bad ones. */
  readonly lessIsWorse?: true;
}

/** The checks in the order they are shown in; null: no number, all or nothing. */
export const CHECK_NAMES = [
  'spool',
  'worker',
  'oldest',
  'orphans',
  'failed',
  'clock',
  'integrity',
  'size',
  'wal',
  'fragmentation',
  'disk',
  'backup',
] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

export type Thresholds = Readonly<Record<CheckName, Limits | null | 'off'>>;

const MB = 1024 ** 2;
const GB = 1024 ** 3;
const HOUR = 3600;
const DAY = 86_400;

export const DEFAULT_THRESHOLDS: Thresholds = {
  spool: null,
  worker: null,
  oldest: { unit: 'seconds', warning: 300, critical: HOUR },
  orphans: { unit: 'count', warning: 10, critical: 50 },
  failed: { unit: 'count', warning: 1, critical: 100 },
  clock: { unit: 'seconds', warning: 5, critical: HOUR },
  integrity: null,
  size: { unit: 'bytes', warning: 500 * MB, critical: GB },
  wal: { unit: 'bytes', warning: 50 * MB, critical: 100 * MB },
  fragmentation: { unit: 'percent', warning: 10, critical: 20 },
  disk: { unit: 'bytes', warning: 10 * GB, critical: 5 * GB, lessIsWorse: true },
  backup: { unit: 'seconds', warning: 26 * HOUR, critical: 7 * DAY },
};

interface Reading {
  readonly factors: Readonly<Record<string, number>>;
  readonly allowed: string;
  readonly max: number;
}

const READINGS: Readonly<Record<Unit, Reading>> = {
  bytes: {
    factors: { kb: 1024, mb: MB, gb: GB, tb: 1024 ** 4 },
    allowed: 'a size such as 50MB (KB, MB, GB or TB)',
    max: Number.MAX_SAFE_INTEGER,
  },
  seconds: {
    factors: { s: 1, min: 60, h: HOUR, d: DAY },
    allowed: 'a time such as 30min (s, min, h or d)',
    max: 100 * 366 * DAY,
  },
  percent: { factors: { '%': 1, '': 1 }, allowed: 'a percentage from 0% to 100%', max: 100 },
  count: { factors: { '': 1 }, allowed: 'a whole number', max: Number.MAX_SAFE_INTEGER },
};

/**
 * Thresholds with those in `text` in the place of others: `NAME=WARNING:CRITICAL` or `NAME=off`, separated by spaces
 * or commas; the last one of a name counts.
 * @param source what the text came from, for the error: an option or a variable.
 * @throws QueueError USAGE, or CONFIG when the source is a variable.
 */
export function parseThresholds(text: string, source: string, start = DEFAULT_THRESHOLDS): Thresholds {
  const items = text.split(/[\s,]+/).filter((item) => item !== '');
  if (items.length === 0 && isOption(source)) items.push('');
  const changed = items.map((item) => parseItem(item, source));
  return { ...start, ...Object.fromEntries(changed) };
}

function parseItem(item: string, source: string): [CheckName, Limits | 'off'] {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(item) ?? [];
  const reject = (why: string): QueueError =>
    new QueueError(isOption(source) ? 'USAGE' : 'CONFIG', `${source}: '${item}': ${why}`, {
      hint: `Write NAME=WARNING:CRITICAL or NAME=off; the names are ${CHECK_NAMES.join(', ')}.`,
    });
  if (!item.includes('=')) throw reject('it is not of the form NAME=WARNING:CRITICAL');
  if (!isCheckName(name)) throw reject(`there is no check '${name}'`);
  if (value.toLowerCase() === 'off') return [name, 'off'];
  const limits = DEFAULT_THRESHOLDS[name];
  if (limits === null || limits === 'off') throw reject(`${name} has no thresholds, it can only be off`);
  const parts = value.split(':');
  if (parts.length !== 2) throw reject('it needs two values, WARNING:CRITICAL, or off');
  const [warning = 0, critical = 0] = parts.map((part) => {
    const number = parseValue(part, limits.unit);
    if (number === undefined) throw reject(`'${part}' is not ${READINGS[limits.unit].allowed}`);
    return number;
  });
  if (limits.lessIsWorse ? critical > warning : critical < warning) {
    const order = limits.lessIsWorse ? 'above' : 'below';
    throw reject(`the critical value of ${name} must not be ${order} the warning`);
  }
  return [name, { ...limits, warning, critical }];
}

function isOption(source: string): boolean {
  return source.startsWith('-');
}

function isCheckName(name: string): name is CheckName {
  return (CHECK_NAMES as readonly string[]).includes(name);
}

function parseValue(text: string, unit: Unit): number | undefined {
  const { factors, max } = READINGS[unit];
  const [, digits, suffix = ''] = /^(\d{1,15}(?:\.\d{1,9})?)([a-z%]*)$/i.exec(text) ?? [];
  const factor = Object.hasOwn(factors, suffix.toLowerCase()) ? factors[suffix.toLowerCase()] : undefined;
  if (digits === undefined || factor === undefined) return undefined;
  const value = Number(digits) * factor;
  if (value > max || (unit === 'count' && !Number.isInteger(value))) return undefined;
  return value;
}

/** A value for people. */
export function formatValue(value: number, unit: Unit): string {
  if (unit === 'bytes') return formatBytes(value);
  if (unit === 'seconds') return formatSeconds(value);
  return unit === 'percent' ? `${Number(value.toFixed(1))} %` : String(value);
}
