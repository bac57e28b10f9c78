/** The benchmark runs: every section prints, and the JSON and the errors are what they should be. Figures mean nothing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { processesNaming, ROOT, waitFor } from './support/project.ts';

const MAIN = join(ROOT, 'scripts', 'bench', 'main.ts');
const SECTIONS = [
  'hook',
  'contention',
  'drain',
  'batch',
  'latency',
  'scale',
  'durability',
  'maintenance',
  'serve',
  'sizes',
];

interface Row {
  name: string;
  values?: Record<string, unknown>;
  notMeasured?: string;
}

interface Report {
  sections: Record<
    string,
    { error?: string; tables: { title: string; rows: Row[] }[]; targets: { state: string }[] }
  >;
}

/** Runs the benchmark with a temporary directory of its own. */
function bench(t: TestContext, args: readonly string[]) {
  const dir = mkdtempSync(join(tmpdir(), 'hookspool-bench-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const env = { ...process.env, TMPDIR: dir, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` };
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], { cwd: ROOT, env });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((done) => {
    child.on('close', (code) =>
      done({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });
  return { dir, child, ended };
}

/** What the benchmark has in its temporary directory; tsx keeps a cache there. */
function filesOf(dir: string): string[] {
  return readdirSync(dir).filter((name) => !name.startsWith('tsx-'));
}

test('every section runs, on the terminal and as JSON, and leaves nothing behind', async (t) => {
  const json = join(mkdtempSync(join(tmpdir(), 'hookspool-bench-json-')), 'out.json');
  t.after(() => rmSync(dirname(json), { recursive: true, force: true }));
  const { dir, ended } = bench(t, ['--smoke', '--no-install', '--json', json]);
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, `${stdout}${stderr}`);
  const report = JSON.parse(readFileSync(json, 'utf8')) as Report;
  assert.deepEqual(Object.keys(report.sections), SECTIONS);
  for (const [name, { error, tables, targets }] of Object.entries(report.sections)) {
    assert.equal(error, undefined, name);
    assert.ok(tables.length > 0, name);
    for (const { title, rows } of tables) {
      assert.ok(stdout.includes(title), title);
      assert.ok(rows.length > 0, title);
      // Measured, or the reason why not: nothing is left out in silence.
      for (const row of rows) assert.ok(row.values ?? row.notMeasured, `${title}: ${row.name}`);
    }
    for (const { state } of targets) assert.match(state, /^(met|NOT met|not measured)$/);
  }
  assert.ok(!stdout.includes('\x1b['), 'piped output is plain');
  assert.deepEqual(filesOf(dir), []);
  assert.deepEqual(processesNaming(dir), []);
});

test('an interrupted run ends its processes and removes its files', async (t) => {
  const { dir, child, ended } = bench(t, ['--smoke', '--no-install', '--only', 'latency']);
  const workspace = await waitFor('a worker', () =>
    filesOf(dir).find((name) =>
      readdirSync(join(dir, name)).some((project) =>
        existsSync(join(dir, name, project, '.hive-mind', 'queue', 'worker.pid')),
      ),
    ),
  );
  assert.ok(workspace);
  child.kill('SIGINT');
  const { code } = await ended;
  assert.equal(code, 130);
  await waitFor('its processes to end', () => processesNaming(dir).length === 0);
  assert.deepEqual(filesOf(dir), []);
});

test('a wrong command line is refused with the reason', async (t) => {
  const section = await bench(t, ['--only', 'hook,nonsense']).ended;
  assert.equal(section.code, 2);
  assert.match(section.stderr, /no section 'nonsense': there are hook, /);
  const option = await bench(t, ['--fast']).ended;
  assert.equal(option.code, 2);
  assert.match(option.stderr, /--fast/);
  const help = await bench(t, ['--help']).ended;
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: npm run bench/);
});
