/**
 * Alerts from outside the worker: what a health check has found, and what of the worker's own incidents has come to an
 * end while no worker was there to see it.
 *
 * Only what is critical, or a warning that a person must see to, is told; of what the worker has told already health
 * says nothing more.
 */
import { Eyes } from '../../alerts/findings.ts';
import { channelsOf, type Finding, type Look, settleIncidents } from '../../alerts/incidents.ts';
import { message } from '../../alerts/message.ts';
import { sendDue } from '../../alerts/outbox.ts';
import { send } from '../../alerts/send.ts';
import { AlertStore, type Channel } from '../../alerts/state.ts';
import type { AlertSettings, Config } from '../../config.ts';
import { QueueError } from '../../errors.ts';
import { checkSpool, type Spool } from '../../spool/layout.ts';
import { openLog } from '../../worker/log.ts';
import type { HealthReport } from './health.ts';

/** @throws QueueError CONFIG when there is nowhere to send anything to. */
export function requireChannel(settings: AlertSettings): void {
  if (channelsOf(settings).length > 0) return;
  throw new QueueError('CONFIG', 'neither QUEUE_ALERT_URL nor QUEUE_ALERT_CMD is set', {
    hint: 'Name a webhook in QUEUE_ALERT_URL, or a command in QUEUE_ALERT_CMD.',
  });
}

/**
 * Tells what the report says, once, and what is over.
 * @returns whether everything has been sent; what has not is sent by the next run or worker.
 * @throws QueueError CONFIG; SPOOL_UNSAFE; system errors when the spool can't be written.
 */
export async function tellHealth(
  report: HealthReport,
  config: Config,
  spool: Spool,
  settings: AlertSettings,
): Promise<boolean> {
  requireChannel(settings);
  // Incidents are remembered in the spool; health itself makes none.
  if (!checkSpool(spool)) return true;
  const store = new AlertStore(spool);
  const log = openLog(spool);
  const eyes = new Eyes(spool, settings, config.database, true);
  eyes.open();
  await store.change((state) => {
    const own = eyes.look(state);
    settleIncidents(
      state,
      { found: [...own.found, ...findingsOf(report)], isOver: overIn(report, own) },
      spool,
      settings,
    );
  });
  return sendDue({ store, settings, log });
}

function findingsOf({ checks }: HealthReport): Finding[] {
  const now = new Date().toISOString();
  return checks
    .filter(({ state }) => state === 'warning' || state === 'critical')
    .map(({ name, state, detail, advice }) => ({
      key: `health:${name}`,
      kind: 'health',
      // A database that is only locked: that is what the worker waits for.
      subject: name === 'integrity' && state === 'warning' ? 'worker' : name,
      since: now,
      what: `health, ${state}: ${name}: ${detail}`,
      advice: advice ?? '',
    }));
}

function overIn({ checks }: HealthReport, own: Look): Look['isOver'] {
  return (key, incident) => {
    if (incident.kind !== 'health') return own.isOver(key, incident);
    const check = checks.find(({ name }) => `health:${name}` === key);
    if (check?.state === 'skipped') return `health: ${check.name} is not checked any more`;
    return check ? `health: ${check.name} is well again: ${check.detail}` : undefined;
  };
}

export interface TestReport {
  readonly channel: Channel;
  readonly ok: boolean;
  /** What came back. */
  readonly detail: string;
}

/** Sends a message that says that it is a test, once to each place. It does not touch the spool. */
export async function sendTest(spool: Spool, settings: AlertSettings): Promise<TestReport[]> {
  requireChannel(settings);
  const test = message({
    id: `test-${Date.now()}`,
    kind: 'test',
    phase: 'test',
    what: 'this is a test; alerts arrive here',
    advice: '',
    since: new Date().toISOString(),
    until: null,
    spool: spool.base,
  });
  const channels = channelsOf(settings);
  return Promise.all(
    channels.map(async (channel) => {
      const { ok, detail } = await send(channel, test, settings);
      return { channel, ok, detail };
    }),
  );
}
