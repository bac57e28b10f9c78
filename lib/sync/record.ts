/**
 * What a line says, and how it is written down once it is settled. All of it follows from the line and its place alone,
 * so that after a crash the same comes out again.
 */
import { isUtf8 } from 'node:buffer';
import { messageOf } from '../errors.ts';
import { parseExactJson } from '../exact-json.ts';
import type { Row } from '../sink/row.ts';
import type { TakenFile } from './place.ts';

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export type Parsed =
  | { readonly kind: 'blank' }
  | {
      readonly kind: 'row';
      readonly row: Row;
      /** The line as it goes into queue.log.bak, without the newline. */
      readonly kept: () => Buffer;
      /** The line as the program wrote it. */
      readonly line: Buffer;
    }
  | { readonly kind: 'malformed'; readonly reason: string };

/** A line in a file, with what it says. */
export interface Item {
  readonly start: number;
  readonly next: number;
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer | undefined;
  readonly parsed: Parsed;
}

const CLOSE = 0x7d;
const LONE = 'a lone surrogate, which no UTF-8 text can hold';
const BLANK = /^[ \t\r\n]*$/;
/**
 * A whole number that JSON.parse makes another of (long, or -0), at the place of a value; or such a text, which costs
 * only time.
 */
const ODD_NUMBER = /[:,[]\s*(?:-?\d{16}|-0(?![.\deE]))/;

/** @param lineFile the name of the file that has the line, when it is too long to be held. */
export function parseLine(file: TakenFile, start: number, bytes: Buffer | undefined, lineFile = ''): Parsed {
  if (bytes === undefined) return bad(`the line is longer than 64 MiB: it is in ${lineFile}, byte for byte`);
  if (!isUtf8(bytes)) return bad('the line is not UTF-8');
  // Files that were put together with cat have it anywhere.
  const own = hasMark(bytes) ? bytes.subarray(3) : bytes;
  const text = own.toString('utf8');
  if (BLANK.test(text)) return { kind: 'blank' };
  const value = parseObject(text);
  if (typeof value === 'string') return bad(value);
  if (file.kind !== 'failed' || typeof value.line !== 'string') return rowOf(file, start, value, own);
  const inner = parseObject(value.line);
  return typeof inner === 'string'
    ? bad(`line: ${inner}`)
    : rowOf(file, start, inner, Buffer.from(value.line.replaceAll('\n', ' ')));
}

function hasMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

/** @returns what is wrong when it is none. */
function parseObject(text: string): Record<string, unknown> | string {
  let value: unknown;
  try {
    value = ODD_NUMBER.test(text) ? parseExactJson(text) : JSON.parse(text);
  } catch (error) {
    return `the line is not JSON: ${messageOf(error)}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'the line is no JSON object';
  return value as Record<string, unknown>;
}

/** @param line its bytes without the newline. */
function rowOf(file: TakenFile, start: number, value: Record<string, unknown>, line: Buffer): Parsed {
  const table = value.table ?? file.table;
  if (typeof table !== 'string' || table === '') return bad('table is no name: it must be text');
  const data = value.data ?? value.values;
  if (data === undefined || data === null) return bad('there is neither data nor values');
  if ((value.data ?? null) !== null && (value.values ?? null) !== null)
    return bad('there are both data and values: one of them must go');
  if (typeof data !== 'object' || Array.isArray(data))
    return bad(`${value.data === data ? 'data' : 'values'} is no object with a field for each column`);
  const source = sourceOf(value.source_menace_id ?? undefined);
  if (source === null) return bad('source_menace_id is neither text nor a number');
  if (source?.isWellFormed() === false) return bad(`source_menace_id holds ${LONE}`);
  const hashFields = fieldsOf(value.hash_fields ?? undefined);
  if (hashFields === null) return bad('hash_fields is no list of names in data');
  const given = value.content_hash ?? undefined;
  if (given !== undefined && (typeof given !== 'string' || given === ''))
    return bad('content_hash is no text');
  if (given?.isWellFormed() === false) return bad(`content_hash holds ${LONE}`);
  // The hash is what the fields make; one that a program has worked out by its own rules stands in for them.
  const isOwn = given === undefined && hashFields === undefined;
  const contentHash = given ?? (isOwn ? `line:${file.name}:${start}` : undefined);
  const row: Row = {
    table,
    data: data as Record<string, unknown>,
    ...(source === undefined ? {} : { source }),
    ...(contentHash === undefined ? { hashFields: hashFields as string[] } : { contentHash }),
  };
  return { kind: 'row', row, line, kept: () => (isOwn ? withHash(line, contentHash as string) : line) };
}

function sourceOf(value: unknown): string | undefined | null {
  if (value === undefined || typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : null;
}

function fieldsOf(value: unknown): string[] | undefined | null {
  if (value === undefined) return undefined;
  const list = typeof value === 'string' ? value.split(',').map((name) => name.trim()) : value;
  if (!Array.isArray(list) || !list.every((name) => typeof name === 'string' && name !== '')) return null;
  return list.length === 0 ? undefined : list;
}

/** Copied back into a queue file, the line is known by this. A later name stands in for an earlier null. */
function withHash(bytes: Buffer, hash: string): Buffer {
  const end = bytes.lastIndexOf(CLOSE);
  return Buffer.concat([bytes.subarray(0, end), Buffer.from(`,"content_hash":${JSON.stringify(hash)}}`)]);
}

/** The record of a line that is none. */
export function errorRecord(file: TakenFile, item: Item, at: string): string {
  const reason = item.parsed.kind === 'malformed' ? item.parsed.reason : '';
  return record({ ...whereOf(file, item), reason, at, ...lineOf(item) });
}

/** The record of a line that the database refused. */
export function failureRecord(file: TakenFile, item: Item, failure: Failure, at: string): string {
  const line = item.parsed.kind === 'row' ? item.parsed.line.toString('utf8') : '';
  const { code, message, hint } = failure;
  const error = { code, message, at, ...(hint === undefined ? {} : { hint }) };
  return record({ ...whereOf(file, item), error, line });
}

function whereOf(file: TakenFile, { number }: Item): { file: string; lineNumber: number } {
  return { file: `${file.table}_queue.${file.kind === 'failed' ? 'failed.' : ''}jsonl`, lineNumber: number };
}

function lineOf({ bytes }: Item): Record<string, string> {
  if (bytes === undefined) return {};
  return isUtf8(bytes) ? { line: bytes.toString('utf8') } : { lineBase64: bytes.toString('base64') };
}

function record(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function bad(reason: string): Parsed {
  return { kind: 'malformed', reason };
}
