/**
 * The server: limits on what a connection may take, and an orderly end.
 *
 * Headers have 10 s and 16 KB, a request its whole time in --request-timeout, a connection that says nothing 5 s; a
 * client that does not read its answer is cut off after --request-timeout. At the end no new connection is taken,
 * streams are closed, requests are finished, and only then what they write with.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Config } from '../config.ts';
import { codeOf, QueueError } from '../errors.ts';
import { ensureSpool, type Spool } from '../spool/layout.ts';
import { openLog } from '../worker/log.ts';
import { makeApp } from './app.ts';
import { Door } from './door.ts';
import { Looks } from './look-thread.ts';
import { Gate, readToken } from './token.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Names that the server may be called by besides its address. */
  readonly allowedHosts: readonly string[];
  readonly tokenFile: string | undefined;
  /** Seconds without a request or an open stream after which it leaves; 0: never. */
  readonly idleExit: number;
  /** Seconds for a request to arrive and be read. */
  readonly requestTimeout: number;
  readonly maxBodyBytes: number;
  readonly maxRequests: number;
}

export interface Serving {
  /** Such as http://127.0.0.1:7474 */
  readonly url: string;
  /** With a code for one login. */
  readonly loginUrl: string;
  /** Resolves when the server has left, after stop() or for idleness. */
  readonly ended: Promise<void>;
  stop(why: string): void;
}

const HEADERS_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;
const KEEP_ALIVE_MS = 5000;
const MAX_CONNECTIONS = 512;
/** Requests that are not done by then are cut off; what they have spooled is spooled. */
const GRACE_MS = 15_000;

/** @throws QueueError NOT_FOUND when the port is taken; SPOOL_UNSAFE and the like. */
export async function serve(config: Config, spool: Spool, options: ServeOptions): Promise<Serving> {
  ensureSpool(spool);
  const log = openLog(spool);
  const gate = new Gate(readToken(spool, options.tokenFile));
  const door = new Door(config, spool);
  const looks = new Looks(spool);
  const hosts = [...options.allowedHosts, ...hostNames(options.host)];
  const app = makeApp({ ...options, config, spool, door, looks, gate, hosts });
  let usedAt = performance.now();
  let isStopping = false;
  /** What is not answered to the end. */
  const open = new Set<ServerResponse>();
  const listener = getRequestListener(app.fetch);
  const timeout = options.requestTimeout * 1000;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, timeout),
      requestTimeout: timeout,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: Math.min(1000, timeout / 4),
      noDelay: true,
    },
    (request, response) => {
      usedAt = performance.now();
      open.add(response);
      response.once('close', () => open.delete(response));
      if (isStopping) response.setHeader('connection', 'close');
      void listener(request, response);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  // Of a connection on which nothing has moved. Node itself sees to what is to come in only.
  server.setTimeout(timeout, (socket) => {
    const isServed = [...open].some(({ req }) => req.socket === socket);
    if (isServed && socket.writableLength === 0) socket.setTimeout(timeout);
    else socket.destroy();
  });
  try {
    await listen(server, options);
  } catch (error) {
    await door.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`;
  log('info', `queue-serve ${process.pid} listens on ${url}`);
  let leave: () => void = () => {};
  const ended = new Promise<void>((done) => {
    leave = done;
  });
  const stop = (why: string): void => {
    // Asked twice, it waits for nobody.
    if (isStopping) server.closeAllConnections();
    if (isStopping) return;
    isStopping = true;
    clearInterval(idleTimer);
    log('info', `queue-serve ${process.pid} leaves: ${why}`);
    void finish().then(leave, leave);
  };
  const finish = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const response of open) if (!response.headersSent) response.setHeader('connection', 'close');
    app.events.close();
    server.closeIdleConnections();
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    await closed;
    clearInterval(idle);
    clearTimeout(cut);
    await door.close();
    await looks.close();
  };
  const idleTimer = setInterval(
    () => {
      if (app.inFlight > 0 || app.events.count > 0) usedAt = performance.now();
      if (options.idleExit > 0 && performance.now() - usedAt >= options.idleExit * 1000) stop('idle');
    },
    Math.max(50, Math.min(1000, options.idleExit * 250)),
  );
  return { url, loginUrl: `${url}/login?code=${gate.newCode()}`, ended, stop };
}

async function listen(server: Server, { host, port }: ServeOptions): Promise<void> {
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = codeOf(error);
    const what =
      code === 'EADDRINUSE'
        ? `port ${port} of ${host} is in use`
        : code === 'EACCES'
          ? `port ${port} may not be used by this user`
          : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
            ? `${host} is no address of this machine`
            : undefined;
    if (what === undefined) throw error;
    throw new QueueError('NOT_FOUND', `can't listen: ${what}`, {
      hint: what.startsWith('port')
        ? 'Name another with --port N; 0 takes one that is free.'
        : 'Correct --host; 127.0.0.1 is this machine alone.',
      cause: error,
    });
  }
}

/** An address that stands for all of them is no name that a request can be for. */
function hostNames(host: string): string[] {
  if (host === '0.0.0.0' || host === '::') return [];
  return [host.includes(':') ? `[${host}]` : host];
}

/** True when only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
