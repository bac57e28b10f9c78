/** The routes: what each takes and answers. Checks that all have in common stand before them. */
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { setCookie } from 'hono/cookie';
import { type Config, isUrl } from '../config.ts';
import { pauseOf, resumeOf } from '../jobs/pause.ts';
import { checkEntry, checkWellFormed, type Entry } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { Access } from './access.ts';
import { answerRefusal, defect, json } from './answers.ts';
import { claudeEvent } from './claude.ts';
import type { Door } from './door.ts';
import { Events, streamOf } from './events.ts';
import { type Item, parseObject, readPush, textOf } from './items.ts';
import type { Looks } from './look-thread.ts';
import { METRICS_TYPE, metricsText } from './metrics.ts';
import { readPageFiles } from './page-files.ts';
import { Refusal, refusalOf } from './refusal.ts';
import type { Report } from './report.ts';
import { entriesQuery, limitOf, operationOf, readBody, requireJson, sourceOf } from './requests.ts';
import { type Gate, SESSION_LIFE_S } from './token.ts';

export interface AppOptions {
  readonly config: Config;
  readonly spool: Spool;
  readonly door: Door;
  readonly looks: Looks;
  readonly gate: Gate;
  readonly hosts: readonly string[];
  readonly maxBodyBytes: number;
  readonly maxRequests: number;
}

export interface App {
  readonly fetch: Hono<Env>['fetch'];
  readonly events: Events;
  /** Requests being served, streams not counted. */
  readonly inFlight: number;
}

/** Least time between two reports. */
const EVENTS_INTERVAL_MS = 500;
const MAX_STREAMS = 32;
const MAX_LOGINS = 8;
const MAX_LOGIN_BYTES = 4096;
const FRESH_MS = 250;

const SECURITY_HEADERS = Object.entries({
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
});

export function makeApp(options: AppOptions): App {
  const { config, spool, door, looks, gate } = options;
  const access = new Access(gate, options.hosts);
  const page = readPageFiles();
  const events = new Events(() => looks.report(EVENTS_INTERVAL_MS), EVENTS_INTERVAL_MS);
  const requests = new Map<number, number>();
  const startedAt = Date.now();
  let inFlight = 0;
  const app = new Hono<Env>();
  const bodyOf = (c: Context<Env>): Promise<Buffer> => readBody(c.env.incoming, options.maxBodyBytes);

  app.onError((error, c) => answerRefusal(c, refusalOf(error) ?? defect(spool, error)));
  app.notFound((c) => {
    const methods = ['GET', 'POST'].filter((method) => isRouted(app, method, c.req.path));
    if (methods.length === 0)
      return answerRefusal(c, new Refusal(404, 'NOT_FOUND', `there is no ${c.req.path}`));
    c.header('allow', methods.join(', '));
    const message = `${c.req.path} takes ${methods.join(' or ')}, not ${c.req.method}`;
    return answerRefusal(c, new Refusal(405, 'BAD_METHOD', message));
  });

  app.use(async (c, next) => {
    // What is thrown further in is an answer when it gets here.
    await next();
    requests.set(c.res.status, (requests.get(c.res.status) ?? 0) + 1);
  });
  app.use(async (c, next) => {
    // Given to Node, not to Hono: a Headers object costs more than all that a small push has to do here.
    for (const [name, value] of SECURITY_HEADERS) c.env.outgoing.setHeader(name, value);
    access.checkOrigin(c);
    await next();
  });
  /** No more than so many of them at once. */
  const limited = (most: number): MiddlewareHandler<Env> => {
    let count = 0;
    return async (_c, next) => {
      if (count >= most) throw new Refusal(503, 'BUSY', `${count} requests are being served`, 'Try again.');
      count += 1;
      inFlight += 1;
      try {
        await next();
      } finally {
        count -= 1;
        inFlight -= 1;
      }
    };
  };
  app.get('/health', (c) => json(c, { status: 'ok' }));
  app.get('/login', (c) => {
    if (!gate.useCode(c.req.query('code') ?? '')) {
      // To a browser the page says it; one that is logged in goes on.
      if (c.req.header('accept')?.includes('text/html')) return c.redirect('/?login=over', 303);
      throw new Refusal(
        401,
        'UNAUTHORIZED',
        'this address was used before, or is too old',
        'queue-serve --url prints a new one.',
      );
    }
    startSession(c, gate);
    return c.redirect('/', 303);
  });
  // Who has no token yet is not to take the room, nor the memory, of those who have.
  app.post('/login', limited(MAX_LOGINS), async (c) => {
    requireJson(c);
    const { token } = parseObject(textOf(await readBody(c.env.incoming, MAX_LOGIN_BYTES)));
    if (typeof token !== 'string' || !gate.isToken(token.trim()))
      throw new Refusal(401, 'UNAUTHORIZED', 'the token is wrong');
    startSession(c, gate);
    return c.body(null, 204);
  });

  const guarded = new Hono<Env>();
  guarded.use(async (c, next) => {
    access.checkRight(c);
    c.env.outgoing.setHeader('cache-control', 'no-store');
    await next();
  });
  guarded.use(limited(options.maxRequests));

  guarded.post('/api/v1/push', async (c) => {
    requireJson(c);
    const request = readPush(await bodyOf(c), config);
    const answer = await door.push(sourceOf(c), request);
    const isAll = answer.pushed === request.items.length;
    if (!isAll && answer.pushed === 0 && answer.results.every(({ error }) => isTheirs(error?.code))) {
      const error = answer.results[0]?.error;
      throw new Refusal(503, error?.code ?? 'DATABASE', error?.message ?? '', error?.hint);
    }
    return json(c, answer, isAll ? 200 : answer.pushed === 0 ? 422 : 207);
  });

  guarded.post('/hooks/claude', async (c) => {
    requireJson(c);
    if (isUrl(config.database))
      throw new Refusal(
        409,
        'WRONG_DATABASE',
        "the hooks' tables are SQLite's, and this queue's database is a server",
      );
    const draft = claudeEvent(textOf(await bodyOf(c)));
    // What is wrong with it only an entry may say: U+0000 in a parameter is allowed, half a surrogate is not.
    checkEntry(draft as Entry);
    checkWellFormed(draft, 'the payload');
    const items: Item[] = [{ id: null, draft }];
    // Spooled, whatever the database does: the agent waits for the answer.
    const { results } = await door.push('hooks/claude', { items, window: { ms: 0, max: 1 } });
    const error = results[0]?.error;
    if (error) throw new Refusal(503, error.code, error.message, error.hint);
    return json(c, {});
  });

  guarded.get('/api/v1/status', async (c) => json(c, await looks.report(FRESH_MS)));
  guarded.get('/api/v1/status/buffers', async (c) => {
    const report = await looks.report(FRESH_MS);
    const { pending, processing, failed } = report.depths;
    return json(c, { pending: pending + processing, failed, dbHealthy: isHealthy(report, door) });
  });
  guarded.get('/api/v1/entries', async (c) => json(c, await looks.ask('entries', entriesQuery(c))));
  guarded.get('/api/v1/jobs', async (c) => json(c, await looks.ask('jobs', { limit: limitOf(c, 1000) })));
  guarded.get('/api/v1/jobs/:id', async (c) =>
    json(c, await looks.ask('job', { id: c.req.param('id'), limit: limitOf(c, 1000) })),
  );
  guarded.post('/api/v1/failed/:name/retry', async (c) =>
    json(c, await looks.ask('retry', { name: c.req.param('name') })),
  );
  guarded.post('/api/v1/failed/:name/discard', async (c) =>
    json(c, await looks.ask('discard', { name: c.req.param('name') })),
  );
  guarded.post('/api/v1/queue/pause', async (c) => {
    const operation = operationOf(c, await bodyOf(c));
    return json(c, { changed: pauseOf(spool, operation), operation: operation ?? null });
  });
  guarded.post('/api/v1/queue/resume', async (c) => {
    const operation = operationOf(c, await bodyOf(c));
    return json(c, { changed: resumeOf(spool, operation), operation: operation ?? null });
  });

  guarded.get('/metrics', async (c) => {
    const report = await looks.report(FRESH_MS);
    const figures = {
      items: door.counts,
      requests,
      inFlight,
      streams: events.count,
      startedAt,
      dbHealthy: isHealthy(report, door),
    };
    return c.body(metricsText(report, figures), 200, { 'content-type': METRICS_TYPE });
  });

  guarded.get('/api/v1/events', (c) => {
    if (events.count >= MAX_STREAMS)
      throw new Refusal(429, 'TOO_MANY_STREAMS', `${MAX_STREAMS} streams of events are open`);
    return c.body(streamOf(events), 200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    });
  });

  // The page holds nothing of the queue: without a session it asks for the token.
  for (const [path, { bytes, type, etag }] of page) {
    app.get(path, (c) => {
      c.header('etag', etag);
      c.header('cache-control', 'no-cache');
      if (c.req.header('if-none-match') === etag) return c.body(null, 304);
      return c.body(bytes, 200, { 'content-type': type });
    });
  }
  app.route('/', guarded);

  return {
    fetch: app.fetch,
    events,
    get inFlight() {
      return inFlight;
    },
  };
}

type Env = { Bindings: HttpBindings };

function startSession(c: Context, gate: Gate): void {
  setCookie(c, gate.cookie, gate.newSession(), {
    httpOnly: true,
    sameSite: 'Strict',
    path: '/',
    maxAge: SESSION_LIFE_S,
  });
}

/** Neither the database nor the spool could be written; the items themselves are good. */
function isTheirs(code: string | undefined): boolean {
  return code === 'DATABASE' || code === 'SPOOL_UNWRITABLE' || code === 'SPOOL_UNSAFE';
}

/** True when there is a route of this method; what stands before all routes is of every method. */
function isRouted(app: Hono<Env>, method: string, path: string): boolean {
  return app.router.match(method, path)[0].some(([[, route]]) => route.method === method);
}

function isHealthy({ outages, worker, database }: Report, door: Door): boolean {
  if (door.outage !== undefined) return false;
  if (worker && outages.some(({ target }) => target === database.path)) return false;
  return ['ok', 'empty', 'missing', 'remote'].includes(database.state);
}
