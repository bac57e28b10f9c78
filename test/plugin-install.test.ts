/**
 * The plugin as the agent installs it: a copy of the repository, one npm line, and the queue works from there. Where
 * the npm registry can't be reached the install is skipped, with a notice.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { DIST, project, ROOT, waitFor, workerPid } from './support/project.ts';

const NPM_LINE = 'npm ci --ignore-scripts --workspaces=false --no-audit --no-fund';
const UNREACHABLE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|network)\b/;

const json = <T>(...path: string[]): T => JSON.parse(readFileSync(join(ROOT, ...path), 'utf8')) as T;

test('a copy of the repository works after the one npm line, without the development packages', async (t) => {
  const self = project(t);
  const root = join(self.dir, 'plugin');
  const listed = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
  if (listed.status !== 0) return t.skip('this is no git checkout: what the plugin is made of is not known');
  for (const name of listed.stdout.split('\n').filter((file) => file && existsSync(join(ROOT, file)))) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    cpSync(join(ROOT, name), join(root, name));
  }

  // npm as the user has it set up, not as `npm test` or this project has it.
  const user = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) && name !== 'NODE_ENV');
  const env = {
    ...Object.fromEntries(user),
    npm_config_prefer_offline: 'true',
    npm_config_fetch_retries: '0',
  };
  const npm = await self.run('sh', ['-c', NPM_LINE], { cwd: root, env });
  if (npm.code !== 0 && UNREACHABLE.test(npm.stderr))
    return t.skip(`the npm registry can't be reached: ${npm.stderr.split('\n')[0]}`);
  assert.equal(npm.code, 0, npm.stderr);

  const { dependencies, devDependencies } = json<Record<string, Record<string, string>>>('package.json');
  for (const name of Object.keys(dependencies ?? {}))
    assert.ok(existsSync(join(root, 'node_modules', name)), name);
  for (const name of Object.keys(devDependencies ?? {}))
    assert.equal(existsSync(join(root, 'node_modules', name)), false, `${name} was installed`);
  assert.equal(existsSync(join(root, 'node_modules', '.bin', 'esbuild')), false);

  const write = await self.run(join(root, 'dist', 'queue-write'), ['CREATE TABLE log(text)']);
  assert.deepEqual([write.code, write.stderr], [0, '']);
  const script = `. "$1"; queue_db_write "INSERT INTO log VALUES(:text)" op 5 '{}' text="it's here"`;
  const sourced = await self.run('bash', ['-c', script, 'bash', join(root, 'lib', 'queue-lib.sh')]);
  assert.deepEqual([sourced.code, sourced.stderr], [0, '']);
  await waitFor('the row', () => existsSync(self.db) && self.names('pending').length === 0);
  assert.deepEqual(self.rows('SELECT text FROM log'), [{ text: "it's here" }]);
  const pid = workerPid(self) ?? assert.fail('no worker');
  if (process.platform === 'linux')
    assert.ok(readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(root), "not the copy's own worker");
});

test('the plugin says of itself what package.json says', () => {
  const of = json<Record<string, unknown>>('package.json');
  const plugin = json<Record<string, unknown>>('.claude-plugin', 'plugin.json');
  for (const key of ['name', 'version', 'description', 'license']) assert.equal(plugin[key], of[key], key);
  const market = json<{ plugins: { name: string; source: string }[] }>('.claude-plugin', 'marketplace.json');
  assert.deepEqual(
    market.plugins.map(({ name, source }) => [name, source]),
    [[of.name, './']],
  );
});

test('every hook is one script of the plugin, quoted for sh, and can not hold the agent for long', async (t) => {
  const self = project(t);
  const { hooks } = json<
    Record<string, Record<string, { hooks: { type: string; command: string; timeout?: number }[] }[]>>
  >('hooks', 'hooks.json');
  for (const [event, groups] of Object.entries(hooks ?? {})) {
    for (const { type, command, timeout } of groups.flatMap((group) => group.hooks)) {
      assert.equal(type, 'command');
      assert.match(command, /^"\$\{CLAUDE_PLUGIN_ROOT\}"\/hooks\/[a-z-]+\.sh$/);
      // The agent gives all hooks of a session's end 1.5 s together.
      assert.equal(timeout, event === 'SessionEnd' ? undefined : 10, event);
      const words = await self.run('sh', ['-c', `printf '%s\\n' ${command}`], {
        env: { CLAUDE_PLUGIN_ROOT: '/a path/$x' },
      });
      assert.match(words.stdout, /^\/a path\/\$x\/hooks\/[a-z-]+\.sh\n$/);
    }
  }
});

test('every slash command may run one executable of the plugin, and nothing that discards', () => {
  for (const name of readdirSync(join(ROOT, 'commands'))) {
    const text = readFileSync(join(ROOT, 'commands', name), 'utf8');
    const [, allowed = ''] = /^allowed-tools: (.*)$/m.exec(text) ?? assert.fail(name);
    const rules = [
      ...allowed.matchAll(/Bash\("\$\{CLAUDE_PLUGIN_ROOT\}"\/dist\/(queue-[a-z]+) ?([^:]*):\*\)/g),
    ];
    assert.equal(rules.map(([rule]) => rule).join(', '), allowed, name);
    for (const [, executable = '', words] of rules) {
      assert.ok(existsSync(join(DIST, executable)), executable);
      assert.ok(['', 'list', 'show', '--dry-run'].includes(words ?? ''), words);
      if (executable !== 'queue-status')
        assert.notEqual(words, '', `${executable} without a word may discard`);
    }
    for (const [, line = ''] of text.matchAll(/^!`(.*)`$/gm))
      assert.ok(
        rules.some(([rule]) => line.startsWith(rule.slice(5, -3))),
        line,
      );
  }
});
