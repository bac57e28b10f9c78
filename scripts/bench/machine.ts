/** The machine and the versions that the figures belong to. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './workspace.ts';

export interface Machine {
  readonly hookspool: string;
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly fileSystem: string;
  readonly node: string;
  readonly bash: string;
  readonly sqlite3: string;
  readonly load: number;
}

export function describeMachine(directory: string): Machine {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return {
    hookspool: version,
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    fileSystem: firstLine('df', ['-T', directory], 1).split(/\s+/)[1] ?? 'unknown',
    node: process.version,
    bash: firstLine('bash', ['-c', 'echo "$BASH_VERSION"']),
    sqlite3: firstLine('sqlite3', ['--version']).split(' ')[0] || 'none',
    load: loadavg()[0] ?? 0,
  };
}

export function machineText(machine: Machine): string {
  const { cpu, cores, memoryGb, system, fileSystem, node, bash, sqlite3, load } = machine;
  const busy =
    load > cores / 4
      ? `\nThe load was ${load.toFixed(1)} before this began: something else runs here, take the figures as noise.`
      : '';
  return `${cpu}, ${cores} cores, ${memoryGb} GB; ${system}, ${fileSystem}; node ${node}, bash ${bash}, sqlite3 ${sqlite3}${busy}`;
}

function firstLine(command: string, args: readonly string[], index = 0): string {
  const { stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return stdout?.split('\n')[index]?.trim() ?? '';
}
