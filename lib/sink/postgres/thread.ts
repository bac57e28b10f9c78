/**
 * The thread in which the PostgreSQL driver lives: takes orders one at a time, answers each. Built as
 * dist/postgres.cjs, with the driver in it, so that only a process that writes to such a target loads it.
 */
import { type MessagePort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { Outage } from './errors.ts';
import type { Answer, Order, ThreadData } from './orders.ts';
import { Passes } from './passes.ts';
import { Session } from './session.ts';

interface Call {
  readonly id: number;
  /** Milliseconds to wait for a connection. */
  readonly wait: number;
  readonly order: Order;
}

/** What comes when no transaction is open. */
const STARTS = new Set(['many', 'alone', 'begin', 'applied']);

const data = workerData as ThreadData;
const warnings: string[] = [];
const session = new Session(data.session);
const passes = new Passes(session, { ...data.session, warn: (message) => warnings.push(message) });

async function obey({ order, wait }: Call): Promise<Answer> {
  const { kind, jobs = [], keys = [] } = order;
  if (kind === 'close') {
    session.close();
    return {};
  }
  try {
    await session.ready(wait);
  } catch (error) {
    return { isConnected: false, outage: plain(error) };
  }
  try {
    if (session.isChanged && STARTS.has(kind)) await session.reset();
    await session.ready(wait);
    return await carry(kind, jobs, keys);
  } catch (error) {
    // A new connection may find another server behind the name, and settings that were changed. A lock is only a lock.
    if (!(error instanceof Outage) || error.reason !== '55P03') session.close();
    return { outage: plain(error) };
  } finally {
    session.rest();
  }
}

async function carry(
  kind: Exclude<Order['kind'], 'close'>,
  jobs: NonNullable<Order['jobs']>,
  keys: readonly string[],
): Promise<Answer> {
  const [job] = jobs;
  switch (kind) {
    case 'many':
      return { outcomes: await passes.many(jobs) };
    case 'alone':
      return { outcomes: job ? [await passes.alone(job)] : [] };
    case 'apply':
      return { outcomes: job ? [await passes.apply(job)] : [] };
    case 'applied':
      return { keys: await passes.applied(keys) };
    default:
      await passes[kind]();
      return {};
  }
}

function plain(error: unknown): NonNullable<Answer['outage']> {
  if (!(error instanceof Outage))
    return { reason: 'NO_DRIVER', message: messageOf(error), duringEntry: false, inDoubt: true };
  const { reason, message, duringEntry, inDoubt, hint } = error;
  return { reason, message, duringEntry, inDoubt, hint };
}

function listen(port: MessagePort): void {
  let last = Promise.resolve();
  port.on('message', (call: Call) => {
    last = last.then(async () => {
      const answer = await obey(call);
      const said = warnings.splice(0);
      port.postMessage({ id: call.id, answer: said.length > 0 ? { ...answer, warnings: said } : answer });
      Atomics.add(data.cells, 0, 1);
      Atomics.notify(data.cells, 0);
    });
  });
}

// What the server sent is more than the driver can take in, such as a value of more than 512 MB.
process.on('uncaughtException', (error) => session.destroy(error));
process.on('exit', () => {
  Atomics.store(data.cells, 1, 1);
  Atomics.notify(data.cells, 0);
});
listen(data.port);
