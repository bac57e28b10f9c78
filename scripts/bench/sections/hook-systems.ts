/** What a hook may do as a process of its own: ours, and what people use instead. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, missingExecutable } from '../context.ts';
import { payload } from '../payload.ts';
import { type BashCase, hasProgram, quote } from '../shell.ts';
import { BENCH, DIST, makeDatabase, type Project, ROOT } from '../workspace.ts';

export const SQL = "INSERT INTO events(session, hook) VALUES ('session', 'hook')";
const PAYLOADS_KB = [0.5, 5, 50, 500];
/** The plugin's hooks, by the size of their payload. */
const PLUGIN_HOOKS = [
  ['tool-log', 1],
  ['tool-log', 500],
  ['auto-checkpoint', 1],
  ['task-agent-tracker', 1],
  ['session-start', 1],
  ['session-checkpoint', 1],
] as const;

export interface System extends BashCase {
  readonly base: 'bash -c :' | 'node -e 0' | '/bin/true';
  readonly missing?: string | undefined;
}

export function systemsOf(
  { workspace, peers, pick }: Context,
  project: Project,
  port: number | undefined,
): System[] {
  mkdirSync(join(project.dir, 'pending'));
  const [plain, busy, direct, jobs] = ['plain', 'busy', 'direct', 'jobs'].map((name) =>
    join(project.dir, `${name}.db`),
  ) as [string, string, string, string];
  for (const path of [plain, busy, direct]) makeDatabase(path);
  const node = quote(process.execPath);
  const program = (name: string): string => quote(join(BENCH, 'programs', name));
  const sometimes = pick({ full: 5, quick: 4, smoke: 1 });
  const hook = (name: string, command: string, kb: number): System => {
    const file = workspace.path(`payload-${kb}`);
    writeFileSync(file, payload(kb * 1000));
    return {
      name: `${name}, payload of ${kb} KB`,
      base: 'bash -c :',
      body: `${command} <${quote(file)}`,
      missing: oldBash(),
      every: kb > 100 ? sometimes : 1,
    };
  };
  const hooks = [
    ...PAYLOADS_KB.map((kb) => hook('hook script', `bash ${program('hook.sh')}`, kb)),
    ...PLUGIN_HOOKS.map(([name, kb]) =>
      hook(`plugin's ${name}.sh`, quote(join(ROOT, 'hooks', `${name}.sh`)), kb),
    ),
  ];
  const without = (...names: string[]): string | undefined => {
    const absent = names.filter((name) => !hasProgram(name));
    return absent.length > 0 ? `${absent.join(', ')} is not there` : undefined;
  };
  return [
    { name: 'bash -c :', base: 'bash -c :', body: 'bash -c :' },
    {
      name: 'dist/queue-write SQL op 5',
      base: 'bash -c :',
      body: `${quote(join(DIST, 'queue-write'))} "${SQL}" op 5`,
      missing: missingExecutable('queue-write'),
    },
    {
      name: 'bash that only sources the library',
      base: 'bash -c :',
      body: `bash -c '. "$QUEUE_LIB"'`,
      missing: oldBash(),
    },
    ...hooks,
    {
      name: 'sqlite3, no busy timeout',
      base: 'bash -c :',
      body: `sqlite3 ${quote(plain)} "${SQL}"`,
      missing: without('sqlite3'),
    },
    {
      name: 'sqlite3, .timeout 5000',
      base: 'bash -c :',
      body: `sqlite3 -cmd '.timeout 5000' ${quote(busy)} "${SQL}"`,
      missing: without('sqlite3'),
    },
    {
      name: 'spool by hand (mkdir lock, jq, mv)',
      base: 'bash -c :',
      body: `spool_by_hand "${SQL}" op 5`,
      missing: without('jq'),
    },
    {
      name: 'curl POST to a local server',
      base: 'bash -c :',
      body: `curl -s -d '{"sql":"x"}' http://127.0.0.1:${port}/`,
      missing: without('curl') ?? (port ? undefined : 'the server did not start'),
    },
    { name: 'node -e 0', base: 'node -e 0', body: `${node} -e 0`, every: sometimes },
    {
      name: 'node + better-sqlite3',
      base: 'node -e 0',
      body: `${node} ${program('insert-direct.mjs')} ${quote(direct)}`,
      every: sometimes,
    },
    {
      name: `node + ${peers.title('plainjob')} add()`,
      base: 'node -e 0',
      body: `${node} ${program('plainjob-add.mjs')} ${quote(jobs)}`,
      every: sometimes,
      missing: peers.missing('plainjob'),
    },
  ];
}

/** Starts programs/http-sink.mjs; without a port it did not start. */
export async function startHttp({
  workspace,
}: Context): Promise<{ port: number | undefined; stop: () => void }> {
  const child = workspace.spawn(process.execPath, [join(BENCH, 'programs', 'http-sink.mjs')], {
    env: process.env as Record<string, string>,
  });
  const port = await new Promise<number | undefined>((done) => {
    child.stdout?.once('data', (chunk: Buffer) => done(Number(chunk.toString())));
    child.once('close', () => done(undefined));
    child.once('error', () => done(undefined));
  });
  return { port, stop: () => void child.kill() };
}

/** Why the bash fast path can't be measured, or undefined. */
export let bashVersion: number | undefined;

export function oldBash(): string | undefined {
  bashVersion ??= Number(spawnSync('bash', ['-c', 'echo $BASH_VERSINFO'], { encoding: 'utf8' }).stdout);
  return bashVersion >= 5 ? undefined : `bash is version ${bashVersion}: the fast path needs 5`;
}
