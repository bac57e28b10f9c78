/** A relay in front of a server that loses what it is told to lose. */
import { connect, createServer } from 'node:net';

/** Takes connections for the server, and cuts one when the server's answer to a command is to pass. */
export async function lossyRelay(port: number): Promise<{
  readonly port: number;
  readonly lost: number;
  loseAfter(tag: string): void;
  close(): void;
}> {
  let tag: string | undefined;
  let lost = 0;
  const relay = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.on('error', () => {});
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream);
    upstream.on('data', (bytes) => {
      if (tag !== undefined && bytes.includes(`${tag}\0`)) {
        tag = undefined;
        lost += 1;
        client.destroy();
      } else client.write(bytes);
    });
  });
  await new Promise<void>((done) => relay.listen(0, '127.0.0.1', done));
  return {
    port: (relay.address() as { port: number }).port,
    get lost() {
      return lost;
    },
    loseAfter: (text) => {
      tag = text;
    },
    close: () => relay.close(),
  };
}
