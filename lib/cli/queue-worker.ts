/** queue-worker: runs, starts, stops and follows the worker. */
import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { type AlertSettings, type Config, loadAlertSettings, loadConfig } from '../config.ts';
import { EXIT, messageOf, QueueError } from '../errors.ts';
import { ensureSpool, type Spool, spoolAt } from '../spool/layout.ts';
import { runWorker, startWorker, superviseWorker, waitForDrain } from '../worker/control.ts';
import { followLog, openLog, printLog } from '../worker/log.ts';
import { livingWorker, stopWorker } from '../worker/presence.ts';
import { parse, refuseArguments, runCommand, usage } from './runner.ts';

const help = `Usage: queue-worker [COMMAND | --once | --foreground]

Applies the queue's entries to the database. Hooks start it when it is needed; it leaves when there has been
nothing to do for QUEUE_IDLE_EXIT seconds.

  start          starts a detached worker (also without any argument)
  stop           finishes the batch in hand and stops it
  restart        stop, then start
  status         says whether one runs
  logs           prints worker.log
  follow         prints worker.log as it grows
  --once         applies what is due now, here, and exits
  --foreground   works here until Ctrl-C, with its log on the terminal
  -h, --help

--once applies neither the entries of a paused operation nor those of a job that waits for another: it says how many
they are. While the whole queue is paused and entries wait, it applies none and leaves with 1.

Exit codes: 0 done (status: it runs), 1 not possible (status: none runs; --once: paused), 2 usage,
3 --once: something failed, see queue-failed.

Examples:
  queue-worker --once && echo all applied
  QUEUE_IDLE_EXIT=3600 queue-worker start
`;

const DRAIN_TIMEOUT_MS = 3_600_000;
/** Collects garbage when the heap has grown by this much. V8's own choice, up to threefold, is mostly garbage here. */
const HEAP_GROWING_PERCENT = 50;

interface Here {
  readonly config: Config;
  readonly alerts: AlertSettings;
  readonly spool: Spool;
  readonly once: boolean;
  readonly foreground: boolean;
  readonly supervised: boolean;
}

const commands: Record<string, (here: Here) => Promise<number> | number> = {
  start,
  stop,
  restart: async (here) => {
    await stop(here);
    return start(here);
  },
  status,
  logs: ({ spool }) => printLog(spool, say),
  follow: ({ spool }) => followLog(spool, say),
  run: beWorker,
};

void runCommand({ name: 'queue-worker', help, run: dispatch });

function dispatch(args: string[]): Promise<number> | number {
  const { values, positionals } = parse(args, {
    once: { type: 'boolean', default: false },
    foreground: { type: 'boolean', default: false },
    supervised: { type: 'boolean', default: false },
  });
  const [name, ...surplus] = positionals;
  refuseArguments(surplus);
  if (values.once && values.foreground) throw usage('--once and --foreground exclude each other');
  const settings = name === 'run' ? settingsOfHook() : { config: loadConfig(), alerts: loadAlertSettings() };
  const here = { ...settings, spool: spoolAt(settings.config.baseDir), ...values };
  if (name === undefined && (values.once || values.foreground)) return drainOrWork(here);
  const command = Object.hasOwn(commands, name ?? 'start') ? commands[name ?? 'start'] : undefined;
  if (!command) throw usage(`there is no command '${name}'`);
  return command(here);
}

/**
 * Whoever starts a worker for a hook can't be told of a bad variable: a worker that refused it would leave the
 * entries where they are without a word. As on the hook's own path, the default is taken and the log told.
 */
function settingsOfHook(): Pick<Here, 'config' | 'alerts'> {
  const complaints: string[] = [];
  const complain = (error: QueueError): unknown => complaints.push(error.message);
  const config = loadConfig(process.env, complain);
  const alerts = loadAlertSettings(process.env, complain);
  const log = openLog(spoolAt(config.baseDir));
  for (const complaint of complaints) log('warn', `${complaint}; the default is taken`);
  return { config, alerts };
}

/** This process is the worker: what hooks, `start` and the supervisor run. */
async function beWorker(here: Here): Promise<number> {
  const { config, alerts, spool, once, foreground, supervised } = here;
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const log = openLog(spool, foreground ? say : undefined);
  ensureSpool(spool);
  // A hook may have started it anywhere: that directory must not be kept busy, and a successor must find the project.
  process.chdir(existsSync(config.projectRoot) ? config.projectRoot : spool.base);
  process.env.CLAUDE_PROJECT_DIR = config.projectRoot;
  const summary = await runWorker({ spool, config, alerts, log, once, supervised }).catch(
    (error: unknown) => {
      // Whoever started it for a hook does not hear it.
      log('error', messageOf(error));
      throw error;
    },
  );
  if (!once) return EXIT.ok;
  // Another has just taken the lock, and to its user --once promises more than that someone is at it.
  if (!summary) return supervised ? drainOrWork(here) : EXIT.ok;
  const { applied, duplicates, failed, held } = summary;
  say(`applied ${applied}, duplicates ${duplicates}, failed ${failed}${heldText(held)}`);
  if (summary.paused) throw paused();
  if (summary.outage)
    throw new QueueError('DATABASE', summary.outage, { hint: 'Nothing is lost; try again later.' });
  return failed > 0 ? EXIT.entryFailed : EXIT.ok;
}

async function drainOrWork(here: Here): Promise<number> {
  const { spool, once } = here;
  ensureSpool(spool);
  const worker = livingWorker(spool);
  if (!worker) return superviseWorker(spool, [once ? '--once' : '--foreground']);
  if (!once)
    throw new QueueError('WORKER', `a worker runs already (pid ${worker.pid})`, {
      hint: 'queue-worker stop',
    });
  say(`a worker runs (pid ${worker.pid}); waiting for it to drain the queue`);
  const end = await waitForDrain(spool, DRAIN_TIMEOUT_MS);
  if (end === 'left') return drainOrWork(here);
  if (end === 'paused') throw paused();
  if (!end)
    throw new QueueError('WORKER', 'the queue was not drained within an hour', { hint: 'queue-status' });
  const { failed, held } = end;
  if (held > 0) say(heldText(held).slice(2));
  if (failed.length > 0) say(`failed: ${failed.join(' ')}`);
  return failed.length > 0 ? EXIT.entryFailed : EXIT.ok;
}

function heldText(held: number): string {
  return held > 0 ? `, held ${held}: their operation is paused, or their job waits for another` : '';
}

function paused(): QueueError {
  return new QueueError('WORKER', 'the queue is paused: queue-job resume', {
    hint: 'Nothing is lost: hooks go on writing into the spool.',
  });
}

async function start({ spool }: Here): Promise<number> {
  const { worker, wasThere } = await startWorker(spool);
  say(wasThere ? `a worker runs already (pid ${worker.pid})` : `worker started (pid ${worker.pid})`);
  return EXIT.ok;
}

async function stop({ spool }: Here): Promise<number> {
  const pid = await stopWorker(spool);
  say(pid === undefined ? 'no worker runs' : `worker stopped (pid ${pid})`);
  return EXIT.ok;
}

function status({ spool }: Here): number {
  const worker = livingWorker(spool);
  say(worker ? `a worker runs (pid ${worker.pid})` : 'no worker runs');
  return worker ? EXIT.ok : EXIT.failure;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
