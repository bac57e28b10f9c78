/** Writes from inside a running Node process (programs/in-process.mjs), interleaved. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import type { Row, Table } from '../model.ts';
import { reasonOf, runOk } from '../run.ts';
import { timeColumns, timeRow } from '../stats.ts';
import { BENCH } from '../workspace.ts';

/**
 * @param names the systems of programs/in-process.mjs, with what they are called in the table.
 * @param base the one that is the no-op.
 * @param block calls of one system in a row. With 1, a system that syncs the disk is paid for by the ones after it.
 */
export async function inProcessTable(
  { workspace, peers, progress, pick }: Context,
  names: Readonly<Record<string, string>>,
  base: string,
  block = 1,
): Promise<Table> {
  const project = workspace.project('in-process');
  const stop = workspace.heartbeat(project);
  const scratch = workspace.path('in-process-files');
  mkdirSync(scratch);
  const missingPeer = (name: string): string | undefined =>
    name === 'plainjob' || name === 'liteque' ? peers.missing(name) : undefined;
  const usable = Object.keys(names).filter((name) => !missingPeer(name));
  progress(`in one Node process: ${usable.join(', ')}`);
  const rounds = Math.ceil(pick({ full: 1000, quick: 200, smoke: 5 }) / block);
  let results: Record<string, number[] | { error: string }> = {};
  let failure = 'it gave no samples';
  try {
    const program = join(BENCH, 'programs', 'in-process.mjs');
    const { stdout } = await runOk(
      workspace,
      process.execPath,
      [program, String(rounds), String(block), scratch, ...usable],
      project,
    );
    results = JSON.parse(stdout) as typeof results;
  } catch (error) {
    failure = reasonOf(error);
  }
  stop();
  await workspace.discard(project);
  const samplesOf = (name: string): number[] => (Array.isArray(results[name]) ? results[name] : []);
  const rows = Object.entries(names).map(([name, label]): Row => {
    const own = results[name];
    const why = missingPeer(name) ?? (own === undefined ? failure : 'error' in own ? own.error : undefined);
    if (why) return { name: label, notMeasured: why };
    return timeRow(label, samplesOf(name), { name: names[base] ?? base, values: samplesOf(base) });
  });
  return {
    title: 'In a running Node process',
    method: `${block === 1 ? 'One call of each a round' : `In turns of ${block} calls`}, with a heartbeat but no worker; databases in WAL mode, as each system sets them up.`,
    columns: timeColumns('ms'),
    rows,
  };
}
