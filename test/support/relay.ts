/** A relay in front of a server that loses, or keeps back, what it is told to. */
import { connect, createServer } from 'node:net';

/** Takes connections for the server, and cuts one when the server's answer to a command is to pass. */
export async function lossyRelay(port: number): Promise<{
  readonly port: number;
  readonly lost: number;
  /** How many connections there were that a command was kept back from. */
  readonly held: number;
  loseAfter(tag: string): void;
  /** What a client sends from this text on is kept back, until undefined says otherwise. */
  hold(text: string | undefined): void;
  /** In how many pieces that clients have sent there is this text. */
  count(text: string): number;
  close(): void;
}> {
  let tag: string | undefined;
  let kept: string | undefined;
  let lost = 0;
  let held = 0;
  const pieces: Buffer[] = [];
  const relay = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let isHeld = false;
    client.on('error', () => {});
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.on('data', (bytes) => {
      pieces.push(bytes);
      if (kept !== undefined && !isHeld && bytes.includes(kept)) {
        isHeld = true;
        held += 1;
      }
      if (!isHeld) upstream.write(bytes);
    });
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
    get held() {
      return held;
    },
    loseAfter: (text) => {
      tag = text;
    },
    hold: (text) => {
      kept = text;
    },
    count: (text) => pieces.filter((piece) => piece.includes(text)).length,
    close: () => relay.close(),
  };
}
