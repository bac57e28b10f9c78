/** Two short connections beside the one that is in use: to see whether the server lives, and to stop a statement. */
import { connect, type Socket } from 'node:net';
import type { Access } from './credentials.ts';

/** A living server answers sooner, however busy it is. */
const KNOCK_MS = 3000;
/** What a cancelled statement may take to end. */
export const CANCEL_GRACE_MS = 3000;
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const CANCEL_REQUEST = 80877102;

/** What a server takes a request to stop a statement by. */
export interface BackendKey {
  readonly processID: number;
  readonly secretKey: number;
}

/** Any answer will do. A refusal is one too: it is the kernel's, and the server is gone. */
export function knock(access: Access | undefined, answer: (lives: boolean) => void): Socket {
  const socket = reach(access);
  // An answer may be there already, when it was this process that had no time.
  const timer = setTimeout(() => setImmediate(() => settle(false)), KNOCK_MS);
  let isSettled = false;
  const settle = (lives: boolean): void => {
    clearTimeout(timer);
    if (!isSettled) answer(lives);
    isSettled = true;
    socket.destroy();
  };
  socket.on('connect', () => socket.write(SSL_REQUEST));
  socket.on('data', () => settle(true));
  socket.on('error', () => settle(false));
  // A server that is out of connections closes it without a word.
  socket.on('end', () => settle(true));
  socket.on('close', () => clearTimeout(timer));
  return socket;
}

/** Resolves when the server has taken the request, or can't be reached: it then stops nothing that comes later. */
export function cancel(access: Access | undefined, key: BackendKey | undefined): Promise<void> {
  if (!key) return Promise.resolve();
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(CANCEL_REQUEST, 4);
  request.writeInt32BE(key.processID, 8);
  request.writeInt32BE(key.secretKey, 12);
  const socket = reach(access);
  return new Promise((done) => {
    socket.on('error', () => {});
    socket.on('close', () => done());
    socket.on('connect', () => socket.write(request));
    // The server closes it once the request is carried out.
    socket.on('end', () => socket.destroy());
    socket.resume();
    socket.setTimeout(CANCEL_GRACE_MS, () => socket.destroy());
  });
}

function reach(access: Access | undefined): Socket {
  const { host = '', port = 5432 } = access?.client ?? {};
  return host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
}
