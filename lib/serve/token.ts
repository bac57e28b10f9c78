/**
 * Who may come in: the token in a file of the spool, and what is made from it.
 *
 * A login code is for the address bar, good once and for ten minutes; it and a session's cookie are signed with the
 * token, so that nothing of them is kept, and a new token ends them all. The token itself is in no command line, no log
 * and no URL.
 */
import { createHash, createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { messageOf, QueueError } from '../errors.ts';
import type { Spool } from '../spool/layout.ts';
import { linkNew } from '../spool/publish.ts';
import { readOwnFile } from '../spool/read.ts';

const CODE_LIFE_S = 600;
export const SESSION_LIFE_S = 7 * 86_400;
/** Fewer could be tried out. */
const MIN_LENGTH = 20;
const FORM = /^[\x21-\x7e]+$/;
const MAX_FILE_BYTES = 4096;

type Purpose = 'login' | 'session';

/** Where the token is, when no other file is named. */
export function tokenFile(spool: Spool): string {
  return join(spool.base, 'serve.token');
}

/**
 * The token of the spool, made when there is none, or that of a file.
 * @throws QueueError SPOOL_UNSAFE, CONFIG; system errors.
 */
export function readToken(spool: Spool, file?: string): string {
  if (file !== undefined) return checked(file, readAny(file), true);
  const path = tokenFile(spool);
  const known = readOwnFile(path);
  if (known === undefined)
    linkNew(spool, basename(path), path, `${randomBytes(32).toString('base64url')}\n`, true);
  return checked(path, known?.toString('utf8') ?? readOwnFile(path)?.toString('utf8') ?? '', false);
}

/** A file of whoever runs this, behind whatever symlinks. A FIFO would be waited for, /dev/zero never ends. */
function readAny(path: string): string {
  const fd = openToken(path);
  try {
    if (!fstatSync(fd).isFile()) throw unsafe(path, 'is not a file', 'Name one with --token-file.');
    // Longer, it is none: a header could not hold it.
    const bytes = Buffer.alloc(MAX_FILE_BYTES);
    const length = readSync(fd, bytes);
    return length < bytes.length ? bytes.toString('utf8', 0, length) : '';
  } finally {
    closeSync(fd);
  }
}

function openToken(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new QueueError('CONFIG', `the token can't be read from ${path}: ${messageOf(error)}`, {
      hint: 'Correct --token-file; without it queue-serve makes a token of its own.',
    });
  }
}

function checked(path: string, text: string, mayBeLink: boolean): string {
  const token = text.trim();
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat || (!mayBeLink && !stat.isFile())) throw unsafe(path, 'is not a file', 'Move it away.');
  // Secrets that an orchestrator mounts are often readable by a group, and behind a symlink.
  if (!mayBeLink && process.geteuid && (stat.mode & 0o077) !== 0)
    throw unsafe(
      path,
      'is open to group or others',
      `Run: chmod 600 '${path}', or remove it for a new token.`,
    );
  if (token.length < MIN_LENGTH || !FORM.test(token)) {
    throw new QueueError(
      'CONFIG',
      `the token in ${path} is no line of ${MIN_LENGTH} or more printable characters`,
      {
        hint: `Make one: openssl rand -base64 32`,
      },
    );
  }
  return token;
}

function unsafe(path: string, what: string, hint: string): QueueError {
  return new QueueError('SPOOL_UNSAFE', `the token is refused: ${path} ${what}`, { hint });
}

export class Gate {
  readonly #token: string;
  readonly #digest: Buffer;
  /** Codes that were used, until they would have run out. */
  readonly #used = new Map<string, number>();
  readonly #since = Math.floor(Date.now() / 1000);
  /** Cookies are sent to every port of a host: two doors must not overwrite each other's. */
  readonly cookie: string;

  constructor(token: string) {
    this.#token = token;
    this.#digest = digest(token);
    this.cookie = `hookspool-${createHash('sha256').update(token).digest('hex').slice(0, 12)}`;
  }

  isToken(text: string): boolean {
    return timingSafeEqual(digest(text), this.#digest);
  }

  isSession(text: string): boolean {
    return this.#isSigned('session', text, SESSION_LIFE_S);
  }

  newSession(): string {
    return this.#sign('session', SESSION_LIFE_S);
  }

  newCode(): string {
    return this.#sign('login', CODE_LIFE_S);
  }

  /** True once for each code. */
  useCode(text: string): boolean {
    const now = Date.now() / 1000;
    for (const [code, until] of this.#used) if (until < now) this.#used.delete(code);
    if (!this.#isSigned('login', text, CODE_LIFE_S) || this.#used.has(text)) return false;
    // It may have been used before this process was there to know.
    if (Number.parseInt(text, 10) < this.#since + CODE_LIFE_S) return false;
    this.#used.set(text, now + CODE_LIFE_S);
    return true;
  }

  #sign(purpose: Purpose, seconds: number): string {
    const text = `${Math.floor(Date.now() / 1000) + seconds}.${randomBytes(9).toString('base64url')}`;
    return `${text}.${this.#signature(purpose, text)}`;
  }

  #isSigned(purpose: Purpose, text: string, seconds: number): boolean {
    const at = text.lastIndexOf('.');
    if (at === -1 || !isSame(text.slice(at + 1), this.#signature(purpose, text.slice(0, at)))) return false;
    // One that was made before the clock was set back would live longer.
    const left = Number.parseInt(text, 10) - Date.now() / 1000;
    return left > 0 && left <= seconds;
  }

  #signature(purpose: Purpose, text: string): string {
    return createHmac('sha256', this.#token).update(`${purpose} ${text}`).digest('base64url');
  }
}

/** In a time that tells nothing. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
