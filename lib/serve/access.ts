/**
 * What is asked of every request before anything else: that it was meant for this server (Host), that no other site's
 * page has sent it (Origin), and that it brings the token or a session's cookie.
 *
 * A page of another site may have its own name resolve to 127.0.0.1: hence the names of Host. It may also just send a
 * request here, with the cookie if the browser were to add it: hence SameSite=Strict, and Origin, which must be there
 * and be ours whenever a cookie is to change something.
 */

import type { Context } from 'hono';
import { getCookie } from 'hono/cookie';
import { Refusal } from './refusal.ts';
import type { Gate } from './token.ts';

const LOOPBACK: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];
const SAFE = new Set(['GET', 'HEAD']);

export class Access {
  readonly #gate: Gate;
  readonly #hosts: ReadonlySet<string>;

  /** @param hosts the names that this server is called by, besides those of the loopback interface. */
  constructor(gate: Gate, hosts: readonly string[]) {
    this.#gate = gate;
    this.#hosts = new Set([...LOOPBACK, ...hosts.map((host) => hostOf(host) ?? host.toLowerCase())]);
  }

  /** @throws Refusal. */
  checkOrigin(c: Context): void {
    const host = c.req.header('host') ?? '';
    const name = hostOf(host);
    if (name === undefined || !this.#hosts.has(name)) {
      throw new Refusal(
        403,
        'BAD_HOST',
        'the Host header names another server',
        'A name that this server is reached by is allowed with --allow-host NAME.',
      );
    }
    const origin = c.req.header('origin');
    if (origin !== undefined && !isOrigin(origin, host)) throw foreign();
    // Same site, for cookies, is every port of this machine. Who follows a link from there may come in.
    const site = c.req.header('sec-fetch-site');
    const isLink = c.req.header('sec-fetch-mode') === 'navigate';
    if (site === 'cross-site' || (site === 'same-site' && !isLink)) throw foreign();
  }

  /** @throws Refusal. */
  checkRight(c: Context): void {
    const header = c.req.header('authorization');
    if (header !== undefined) {
      const token = /^Bearer +(\S+) *$/i.exec(header)?.[1];
      if (token !== undefined && this.#gate.isToken(token)) return;
      throw unauthorized('the token is wrong');
    }
    const session = getCookie(c, this.#gate.cookie);
    if (session === undefined) throw unauthorized('there is no token');
    if (!this.#gate.isSession(session)) throw unauthorized('the session is over');
    if (!SAFE.has(c.req.method) && c.req.header('origin') === undefined) throw foreign();
  }
}

/** example.org:8080 -> example.org; undefined for what is no host. */
function hostOf(text: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(:\d{1,5})?$/.exec(text.toLowerCase())?.[1];
}

/** https: of a proxy before us that ends TLS. */
function isOrigin(origin: string, host: string): boolean {
  return ['http', 'https'].some((scheme) => origin.toLowerCase() === `${scheme}://${host.toLowerCase()}`);
}

function foreign(): Refusal {
  return new Refusal(403, 'BAD_ORIGIN', 'the request comes from a page of another site');
}

function unauthorized(message: string): Refusal {
  return new Refusal(
    401,
    'UNAUTHORIZED',
    message,
    'Send "Authorization: Bearer TOKEN"; the token is in the file that queue-serve names when it starts.',
  );
}
