/** queue-serve: the queue over HTTP, with a page. */
import { loadConfig } from '../config.ts';
import { EXIT } from '../errors.ts';
import { runDirectProcess } from '../serve/direct-process.ts';
import { isLookThread, runLooks } from '../serve/look-thread.ts';
import { isLoopback, serve } from '../serve/server.ts';
import { Gate, readToken, tokenFile } from '../serve/token.ts';
import { ensureSpool, spoolAt } from '../spool/layout.ts';
import { printLines } from './output.ts';
import { numberOption, parse, refuseArguments, runCommand, usage } from './runner.ts';

const DEFAULT_PORT = '7474';

const help = `Usage: queue-serve [--port N] [--host ADDR --insecure-http] [OPTIONS]
       queue-serve --url [--port N] [--host ADDR] [--token-file F]

Serves the queue over HTTP: pushes, status, entries, jobs, metrics, and a page that shows them. Prints where it listens,
where the token is, and an address that logs a browser in once. SIGTERM and Ctrl-C finish the requests in hand; a second
one waits for none.

  --port N            the port, 0 for one that is free (default: ${DEFAULT_PORT})
  --host ADDR         the address to listen on (default: 127.0.0.1)
  --insecure-http     needed with an address that others can reach: what is sent, the token too, is not encrypted
  --allow-host NAME   a name that requests may be for besides this address, such as a proxy's; may be repeated
  --token-file F      the token is in F (default: serve.token in the spool, made when it is not there)
  --idle-exit S       leaves after S seconds without a request or an open page; 0: never (default: 0)
  --request-timeout S seconds for a request to arrive, or a client to go on reading (default: 30)
  --max-body BYTES    the largest body (default: 16777216)
  --max-requests N    so many at once; more are answered with 503 (default: 64)
  --url               prints an address that logs in to a server that runs already, and ends
  -h, --help

Requests need "Authorization: Bearer TOKEN", /health excepted. README.md lists them.

Exit codes: 0 stopped or idle, 1 the port is in use, or the spool is refused; 2 usage.

Examples:
  queue-serve
  queue-serve --port 0 --idle-exit 600
  curl -H "Authorization: Bearer $(cat .hive-mind/queue/serve.token)" http://127.0.0.1:${DEFAULT_PORT}/api/v1/status/buffers
`;

if (isLookThread()) runLooks();
else if (process.argv[2] === 'direct-writes' && process.send) runDirectProcess();
else void runCommand({ name: 'queue-serve', help, run });

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, {
    port: { type: 'string', default: DEFAULT_PORT },
    host: { type: 'string', default: '127.0.0.1' },
    'insecure-http': { type: 'boolean', default: false },
    'allow-host': { type: 'string', multiple: true, default: [] },
    'token-file': { type: 'string' },
    'idle-exit': { type: 'string', default: '0' },
    'request-timeout': { type: 'string', default: '30' },
    'max-body': { type: 'string', default: String(16 * 1024 * 1024) },
    'max-requests': { type: 'string', default: '64' },
    url: { type: 'boolean', default: false },
  });
  refuseArguments(positionals);
  const port = wholeOption('--port', values.port, { min: 0, max: 65_535 });
  const { host } = values;
  const config = loadConfig();
  const spool = spoolAt(config.baseDir);
  if (values.url) {
    if (port === 0) throw usage('--url needs the --port that the server has');
    ensureSpool(spool);
    const name = host.includes(':') ? `[${host}]` : host;
    printLines([
      `http://${name}:${port}/login?code=${new Gate(readToken(spool, values['token-file'])).newCode()}`,
    ]);
    return EXIT.ok;
  }
  if (!isLoopback(host) && !values['insecure-http']) {
    throw usage(
      `${host} can be reached by others, and what is sent there, the token too, would not be encrypted`,
      'Keep to 127.0.0.1 behind a proxy or a tunnel that encrypts, or say --insecure-http.',
    );
  }
  const serving = await serve(config, spool, {
    host,
    port,
    allowedHosts: values['allow-host'],
    tokenFile: values['token-file'],
    idleExit: numberOption('--idle-exit', values['idle-exit'], { min: 0, max: 31_536_000 }),
    requestTimeout: numberOption('--request-timeout', values['request-timeout'], { min: 0.1, max: 3600 }),
    maxBodyBytes: wholeOption('--max-body', values['max-body'], { min: 1024, max: 64 * 1024 * 1024 }),
    maxRequests: wholeOption('--max-requests', values['max-requests'], { min: 1, max: 10_000 }),
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => serving.stop(signal));
  printLines([
    `queue-serve listens on ${serving.url}, the token is in ${values['token-file'] ?? tokenFile(spool)}`,
    // Whoever reads it may come in once: it is for a terminal, not for the log that a service manager keeps.
    ...(process.stdout.isTTY ? [`page: ${serving.loginUrl}`] : []),
  ]);
  await serving.ended;
  return EXIT.ok;
}

function wholeOption(name: string, text: string, range: { min: number; max: number }): number {
  const value = numberOption(name, text, range);
  if (Number.isInteger(value)) return value;
  throw usage(`${name} is '${text}': it must be a whole number`);
}
