/**
 * npm run bench: runs the sections, prints each when it is done, and all targets at the end.
 *
 * stdout has the tables (plain when piped), stderr the progress. Exit code 0 also when a target is not met: figures
 * depend on the machine, and a benchmark is no test. 1: a section failed or was not measured at all; 2: usage.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Context } from './context.ts';
import { describeMachine, machineText } from './machine.ts';
import type { Result, Target } from './model.ts';
import { HELP, type Options, readOptions, SECTIONS, type SectionName } from './options.ts';

const TITLES: Record<SectionName, string> = {
  hook: 'What a hook pays',
  contention: 'Under contention',
  drain: 'Draining',
  batch: 'Batch size',
  latency: 'From enqueue to the row',
  scale: 'With many entries pending',
  durability: 'What durability costs',
  maintenance: 'Backups and replay',
  serve: 'Over HTTP',
  sizes: 'Sizes',
};

type Section = (context: Context) => Promise<Result>;

/** Loaded late: the SQLite driver crashes a Node that is too old, and `--help` needs none of it. */
const LOADERS: Record<SectionName, () => Promise<Section>> = {
  hook: async () => (await import('./sections/hook.ts')).hookSection,
  contention: async () => (await import('./sections/contention.ts')).contentionSection,
  drain: async () => (await import('./sections/drain.ts')).drainSection,
  batch: async () => (await import('./sections/batch.ts')).batchSection,
  latency: async () => (await import('./sections/latency.ts')).latencySection,
  scale: async () => (await import('./sections/scale.ts')).scaleSection,
  durability: async () => (await import('./sections/durability.ts')).durabilitySection,
  maintenance: async () => (await import('./sections/maintenance.ts')).maintenanceSection,
  serve: async () => (await import('./sections/serve.ts')).serveSection,
  sizes: async () => (await import('./sections/sizes.ts')).sizesSection,
};

async function main(): Promise<number> {
  let options: Options | 'help';
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(
      `bench: ${error instanceof Error ? error.message : error}\n  --help lists the options.\n`,
    );
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (Number.parseInt(process.versions.node, 10) < 22) {
    process.stderr.write(
      `bench: Node 22 or later is needed; this is ${process.version}. npm run bench uses the packaged one.\n`,
    );
    return 1;
  }
  return await measure(options);
}

async function measure(options: Options): Promise<number> {
  const { Workspace } = await import('./workspace.ts');
  const { preparePeers } = await import('./peers.ts');
  const { reasonOf } = await import('./run.ts');
  const { resultText, targetsText } = await import('./report.ts');
  const { progress, done } = progressLine();
  const isTerminal = process.stdout.isTTY ?? false;
  const peers = preparePeers(options.install, progress);
  const workspace = new Workspace();
  onSignal(() => workspace.close());
  const context: Context = {
    options,
    workspace,
    peers,
    progress,
    pick: (choice) => choice[options.effort],
  };
  const machine = describeMachine(workspace.dir);
  done();
  process.stdout.write(`hookspool ${machine.hookspool} on ${machineText(machine)}\n`);
  const results: Partial<Record<SectionName, Result | { error: string }>> = {};
  const targets: Target[] = [];
  let code = 0;
  const start = performance.now();
  try {
    for (const name of SECTIONS.filter((section) => options.only.includes(section))) {
      const sectionStart = performance.now();
      try {
        const section = await LOADERS[name]();
        const result = await section(context);
        results[name] = result;
        targets.push(...result.targets);
        done();
        process.stdout.write(resultText(TITLES[name], result, isTerminal));
        progress(`${name}: ${((performance.now() - sectionStart) / 1000).toFixed(1)} s`);
      } catch (error) {
        done();
        results[name] = { error: reasonOf(error) };
        process.stdout.write(`\n${TITLES[name]}: not measured: ${reasonOf(error)}\n`);
        code = 1;
      }
    }
  } finally {
    progress('cleaning up');
    workspace.close();
    done();
  }
  if (options.only.length > 1)
    process.stdout.write(`\nAll ${targetsText(targets, isTerminal).replace('T', 't')}\n`);
  process.stdout.write(`\n${options.effort} run, ${Math.round((performance.now() - start) / 1000)} s\n`);
  if (options.json) {
    const { effort, large } = options;
    write(options.json, `${JSON.stringify({ machine, effort, large, sections: results }, null, 1)}\n`);
  }
  if (options.plots) code = Math.max(code, await drawAll(options.plots, results, peers.missing('echarts')));
  return code;
}

async function drawAll(
  directory: string,
  results: Record<string, Result | { error: string }>,
  missing: string | undefined,
): Promise<number> {
  if (missing) {
    process.stderr.write(`bench: no plots: echarts: ${missing}\n`);
    return 1;
  }
  const { drawPlots } = await import('./plots.ts');
  const plots = Object.values(results).flatMap((result) => ('plots' in result ? result.plots : []));
  for (const path of drawPlots(plots, directory)) process.stdout.write(`plot: ${path}\n`);
  return 0;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  process.stdout.write(`results: ${path}\n`);
}

/** One line on a terminal that is written over, else a line for each step. */
function progressLine(): { progress: (text: string) => void; done: () => void } {
  const isTerminal = process.stderr.isTTY ?? false;
  let last = '';
  return {
    progress: (text) => {
      if (isTerminal)
        process.stderr.write(`\r\x1b[K... ${text.slice(0, (process.stderr.columns ?? 80) - 5)}`);
      else if (text !== last) process.stderr.write(`... ${text}\n`);
      last = text;
    },
    done: () => {
      if (isTerminal) process.stderr.write('\r\x1b[K');
    },
  };
}

function onSignal(close: () => void): void {
  for (const [name, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.once(name, () => {
      process.stderr.write('\ncleaning up\n');
      close();
      process.exit(128 + number);
    });
  }
}

process.exitCode = await main();
