/**
 * The one call that an entry may make: `CALL queue_insert(:table, :data, ...)`, a structured row (row.ts).
 *
 * SQLite knows no CALL, so a program that takes such an entry for SQL refuses it. The call names those parts of the
 * row that `params` gives, in the order of ROW_PARAMS, and is all of its entry.
 */
import type { Params } from '../spool/entry.ts';
import { EntryFault } from './outage.ts';
import { checkNames } from './params.ts';
import { badRow, parseRow, ROW_PARAMS, type Row } from './row.ts';
import { type Statement, tokensOf } from './statements.ts';

/** The call for a row with these parts. */
export function callText(parts: readonly string[]): string {
  const given = ROW_PARAMS.filter((name) => parts.includes(name));
  return `CALL queue_insert(${given.map((name) => `:${name}`).join(', ')})`;
}

/**
 * The parts of the row that an entry's call names; undefined when it makes none.
 * @throws EntryFault for any other call, and for one among other statements.
 */
export function callOf(statements: readonly Statement[]): readonly string[] | undefined {
  const call = statements.find(({ word }) => word === 'CALL');
  if (call === undefined) return undefined;
  const tokens = tokensOf(call.text);
  if (tokens.at(-1) === ';') tokens.pop();
  if (tokens[1] !== 'queue_insert') {
    throw new EntryFault(
      'REFUSED',
      `${tokens.slice(0, 2).join(' ')}: SQLite has no procedures, and the queue has queue_insert alone`,
    );
  }
  if (statements.length > 1) {
    throw new EntryFault(
      'REFUSED',
      'CALL queue_insert beside other statements: a row is an entry of its own',
      'Queue the other statements as another entry.',
    );
  }
  const parts = call.params.map(({ name }) => name.slice(1));
  const isWhole = parts[0] === 'table' && parts[1] === 'data';
  if (
    isWhole &&
    tokens.join('') ===
      callText(parts)
        .replaceAll(' ', '')
        .replace('CALL', tokens[0] as string)
  )
    return parts;
  throw badRow(
    'the call is not CALL queue_insert(:table, :data, ...)',
    `After these two may come, in this order: ${ROW_PARAMS.slice(2).join(', ')}.`,
  );
}

/** @throws EntryFault BAD_PARAMS, BAD_ROW. */
export function rowOf(parts: readonly string[], params: Params | undefined): Row {
  if (params === undefined || Array.isArray(params))
    throw badRow('params must be an object with table and data');
  checkNames(parts, params);
  return parseRow(params);
}
