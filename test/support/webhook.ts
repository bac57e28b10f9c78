/** A webhook of a test's own: it records what comes and answers as it is told. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface Alert {
  id: string;
  kind: string;
  phase: string;
  text: string;
  what: string;
  advice: string;
  since: string;
  until: string | null;
  spool: string;
}

export interface Webhook {
  /** Its path is the secret. */
  readonly url: string;
  /** What has arrived, answered or not. */
  readonly alerts: Alert[];
  /** How it answers from now on; default 200. */
  answer: (response: ServerResponse) => void;
  /** `KIND PHASE` of each message; one that came again, by its id, counts once. */
  told(): string[];
}

export const SECRET = '/services/T0S3CR3T/B0';

export async function webhook(t: TestContext): Promise<Webhook> {
  const alerts: Alert[] = [];
  const self = {
    url: '',
    alerts,
    answer: (response: ServerResponse): void => {
      response.end('ok');
    },
    told: () => [...new Map(alerts.map(({ id, kind, phase }) => [id, `${kind} ${phase}`])).values()],
  };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      alerts.push(JSON.parse(body) as Alert);
      self.answer(response);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${SECRET}`;
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return self;
}

/** A port where nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
