/** What README.md shows is run, and its tables are what the program does. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ALERT_NUMBERS, BOOLEANS, NUMBERS } from '../lib/config.ts';
import { project, ROOT, waitFor } from './support/project.ts';
import { drained, unless } from './support/queue.ts';
import { serve } from './support/serve.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

test('the hook in the README works when pasted', async (t) => {
  const self = project(t);
  const block = /```bash\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const hook = join(self.dir, 'hook.sh');
  writeFileSync(hook, block.replace('/path/to/hookspool', ROOT));
  chmodSync(hook, 0o755);
  const payload = '{"tool_name":"Bash","tool_input":{"command":"echo \\"it\'s\\" \\\\ é, ok"}}\n';
  const result = await self.run(hook, [], { input: payload });
  assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
  const rows = await waitFor('the row', () => {
    try {
      const found = self.rows('SELECT tool, payload FROM tool_calls');
      return found.length > 0 && found;
    } catch {
      return undefined;
    }
  });
  assert.deepEqual(rows, [{ tool: 'Bash', payload }]);
});

test('the own hook that the README shows writes the row that it shows, and throttles', async (t) => {
  const self = project(t);
  const [, section = ''] = readme.split('## Write your own hook');
  const hook = join(self.dir, 'failed-commands.sh');
  writeFileSync(
    hook,
    (/```bash\n([\s\S]*?)```/.exec(section)?.[1] ?? '').replace('/path/to/hookspool', ROOT),
  );
  chmodSync(hook, 0o755);
  mkdirSync(join(self.dir, '.hive-mind'));
  const input = readFileSync(
    join(ROOT, 'test', 'fixtures', 'hook-payloads', 'PostToolUseFailure.Bash.json'),
    'utf8',
  );
  for (let call = 0; call < 2; call++) {
    assert.deepEqual(await self.run(hook, [], { input }), { code: 0, signal: null, stdout: '', stderr: '' });
  }
  const rows = await waitFor('the row', () => {
    try {
      const found = self.rows('SELECT command, error FROM failed_commands');
      return found.length > 0 && found;
    } catch {
      return undefined;
    }
  });
  const { tool_input, error } = JSON.parse(input) as { tool_input: { command: string }; error: string };
  assert.deepEqual(rows, [{ command: tool_input.command, error }]);
  for (const line of [tool_input.command, ...error.split('\n')])
    assert.ok(section.includes(`│ ${line} `) || section.includes(` ${line} │`), line);
  await drained(self);
  assert.equal(self.journal().length, 1);
});

test('the push that the README shows is applied in a new project', {
  skip: unless('curl', ['--version'], 'curl'),
}, async (t) => {
  const self = project(t);
  const { port } = await serve(self);
  const [, section = ''] = readme.split('## Over HTTP');
  const block = /```bash\n([\s\S]*?)```/.exec(section)?.[1] ?? '';
  const { stdout, stderr } = await self.run('bash', ['-c', block.replaceAll('7474', String(port))]);
  assert.equal(stderr, '');
  const [direct, buffered, buffers, ...metrics] = stdout.split('\n');
  const states = [direct, buffered].map((reply) =>
    (JSON.parse(reply as string) as { results: { state: string }[] }).results.map(({ state }) => state),
  );
  assert.deepEqual(states, [['applied', 'applied'], ['spooled']]);
  const { pending, ...rest } = JSON.parse(buffers as string) as Record<string, unknown>;
  assert.ok(pending === 0 || pending === 1);
  assert.deepEqual(rest, { failed: 0, dbHealthy: true });
  assert.ok(
    metrics.some((line) => /^hookspool_entries_failed 0$/.test(line)),
    stdout,
  );
});

test('the table of variables gives every variable with its default', () => {
  const defaults = new Map(
    [...readme.matchAll(/^\| `([A-Z_]+)` \| `([^`]*)` \|/gm)].map((m) => [m[1], m[2]]),
  );
  for (const [name, rule] of Object.entries({ ...NUMBERS, ...ALERT_NUMBERS }))
    assert.equal(defaults.get(name), String(rule.fallback), name);
  for (const [name, value] of Object.entries(BOOLEANS)) assert.equal(defaults.get(name), String(value), name);
});

test('every executable of package.json is in the README, and has a --help that names it', async (t) => {
  const self = project(t);
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
  };
  for (const name of Object.keys(bin)) {
    assert.match(readme, new RegExp(`^\\| \`${name}\` \\|`, 'm'));
    const help = await self.run(name, ['--help']);
    assert.equal(help.code, 0, name);
    assert.match(help.stdout, new RegExp(`Usage: ${name}`));
    assert.match(help.stdout, /Examples?:/);
  }
});
