/**
 * The spool's random name, kept in `.identity`. Ledger keys of entries without a key of their own begin with it,
 * so that two spools writing to one database never take each other's entries for their own.
 */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { QueueError } from '../errors.ts';
import type { Entry } from './entry.ts';
import type { Spool } from './layout.ts';
import { linkNew } from './publish.ts';
import { readOwnFile } from './read.ts';

const FORM = /^[0-9a-f]{12}$/;

/** The name, made when there is none yet; two who make it at once get the same one. */
export function spoolIdentity(spool: Spool): string {
  const known = readIdentity(spool);
  if (known !== undefined) return known;
  linkNew(spool, basename(spool.identity), spool.identity, randomBytes(6).toString('hex'));
  const made = readIdentity(spool);
  if (made !== undefined) return made;
  throw new QueueError('SPOOL_UNSAFE', `the spool is refused: ${spool.identity} is not a file`, {
    hint: 'Move it away.',
  });
}

/** The ledger key of an entry: the caller's `id`, else spool and file name, which is unique in the spool. */
export function ledgerKey(identity: string, name: string, entry: Pick<Entry, 'id'>): string {
  return entry.id ?? `${identity}/${name.slice(0, -'.json'.length)}`;
}

function readIdentity(spool: Spool): string | undefined {
  const text = readOwnFile(spool.identity)?.toString('latin1').trim();
  if (text === undefined) return undefined;
  if (FORM.test(text)) return text;
  // Emptied or edited: a new name would let every entry in hand be applied again, so derive one from what is there.
  return Buffer.from(text.padEnd(6, '-')).toString('hex').slice(0, 12);
}
