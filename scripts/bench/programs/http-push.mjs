// http-push.mjs URL CLIENTS BATCH COUNT buffer|direct: pushes COUNT items in all, and prints how long each request took.
import { Agent, request } from 'node:http';

const [url, clients, batch, count, mode] = process.argv.slice(2);
const hook = JSON.stringify({
  tool_name: 'Bash',
  tool_input: { command: 'npm test' },
  text: 'x'.repeat(200),
});
const buffer = mode === 'buffer' ? { bufferMs: 50, bufferMax: 500 } : {};
const times = [];

function post(agent, source, items) {
  const body = JSON.stringify({ items, ...buffer });
  const headers = {
    authorization: `Bearer ${process.env.HOOKSPOOL_TOKEN}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-source': source,
  };
  return new Promise((done, fail) => {
    const call = request(`${url}/api/v1/push`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => (response.statusCode === 200 ? done() : fail(new Error(text.slice(0, 300)))));
    });
    call.on('error', fail);
    call.end(body);
  });
}

async function client(number, share) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const source = `client ${number} of ${process.pid}`;
  for (let sent = 0; sent < share; ) {
    const items = [];
    for (; items.length < Number(batch) && sent < share; sent++) {
      const params = { session: source, hook: `${sent} ${hook}` };
      items.push({ sql: 'INSERT INTO events(session, hook) VALUES(:session, :hook)', params });
    }
    const start = performance.now();
    await post(agent, source, items);
    times.push(performance.now() - start);
  }
  agent.destroy();
}

const start = performance.now();
const share = Math.ceil(Number(count) / Number(clients));
await Promise.all(Array.from({ length: Number(clients) }, (_, number) => client(number, share)));
console.log(JSON.stringify({ ms: performance.now() - start, times }));
