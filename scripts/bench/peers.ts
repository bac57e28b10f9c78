/**
 * The systems to compare with and the plotting library, in scripts/bench/node_modules: installed by the benchmark
 * from its own lockfile, by nobody else. None of them needs its install script.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH } from './workspace.ts';

export type Peer = 'plainjob' | 'liteque' | 'echarts';

export interface Peers {
  /** Why the package can't be used, or undefined when it is there. */
  missing(name: Peer): string | undefined;
  /** `name version`. */
  title(name: Peer): string;
}

/** Installs what is missing unless `install` is false. */
export function preparePeers(install: boolean, progress: (text: string) => void): Peers {
  let why = '--no-install was given and it is not installed';
  if (install && !isInstalled()) {
    progress('installing the peers (npm ci in scripts/bench)');
    // npm's own settings of this run (npm run bench) would send it to the root package.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^npm_(package|config_local)/.test(name)),
    );
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--include=dev', '--loglevel=error'];
    const npm = spawnSync('npm', args, { cwd: BENCH, env, encoding: 'utf8', timeout: 180_000 });
    const said = `${npm.error?.message ?? ''} ${npm.stderr ?? ''}`.trim().split('\n').slice(0, 2).join(' ');
    why = `npm ci in scripts/bench failed: ${said.slice(0, 200)}`;
  }
  return {
    missing: (name) => (existsSync(packageFile(name)) ? undefined : why),
    title: (name) => (existsSync(packageFile(name)) ? `${name} ${versionOf(name)}` : name),
  };
}

function isInstalled(): boolean {
  const { devDependencies } = JSON.parse(readFileSync(join(BENCH, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  return Object.entries(devDependencies).every(
    ([name, version]) => existsSync(packageFile(name)) && versionOf(name) === version,
  );
}

function packageFile(name: string): string {
  return join(BENCH, 'node_modules', name, 'package.json');
}

function versionOf(name: string): string {
  return (JSON.parse(readFileSync(packageFile(name), 'utf8')) as { version: string }).version;
}
