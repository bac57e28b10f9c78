/** scripts/deploy: each file is checked with what can check it here, and what it would run is run. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { project, ROOT, waitFor } from './support/project.ts';
import { unless } from './support/queue.ts';

const DEPLOY = join(ROOT, 'scripts', 'deploy');
const read = (name: string): string => readFileSync(join(DEPLOY, name), 'utf8');

test('systemd takes the unit as it is, and finds little that it could do', {
  skip: unless('systemd-analyze', ['--version'], 'systemd-analyze'),
}, (t) => {
  const self = project(t);
  const unit = join(self.dir, 'hookspool-serve.service');
  // Where hookspool stands here; the unit says where it is to stand.
  writeFileSync(unit, read('hookspool-serve.service').replaceAll('/opt/hookspool', ROOT));
  const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
  assert.deepEqual([verified.status, verified.stderr], [0, '']);
  const options = ['security', '--offline=yes', '--threshold=20', unit];
  const security = spawnSync('systemd-analyze', options, { encoding: 'utf8' });
  if (!/unrecognized option|Unknown|invalid option/i.test(security.stderr))
    assert.equal(security.status, 0, security.stdout.slice(-300));
  assert.deepEqual(optionsOf(read('hookspool-serve.service')), ['--port', '7474']);
});

function optionsOf(unit: string): string[] {
  return (/^ExecStart=\S+queue-serve (.*)$/m.exec(unit)?.[1] ?? '').split(' ');
}

test('the property list is one, with the keys of launchd', {
  skip: unless('python3', ['-c', 'import plistlib'], 'python3'),
}, () => {
  const script = 'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))';
  const file = join(DEPLOY, 'hookspool-serve.plist');
  const result = spawnSync('python3', ['-c', script, file], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  const list = JSON.parse(result.stdout);
  assert.equal(basename(list.ProgramArguments[0]), 'queue-serve');
  assert.deepEqual(list.ProgramArguments.slice(1), ['--port', '7474']);
  assert.deepEqual([list.RunAtLoad, list.KeepAlive], [true, { SuccessfulExit: false }]);
  assert.equal(list.Label, 'hookspool-serve');
  assert.equal(list.Umask, 0o77);
});

/** A Dockerfile's instructions; lines that end in a backslash go on. */
function instructions(): [string, string][] {
  const text = read('Dockerfile').replaceAll(/^#.*\n/gm, '');
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, rest] = /^([A-Z]+) +(.*)$/.exec(line) ?? assert.fail(line);
      return [name as string, (rest as string).trim()];
    });
}

const KNOWN = 'FROM WORKDIR COPY RUN USER VOLUME ENV EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT'.split(' ');

test('what the Dockerfile copies is an installation, which its entry point starts and its health check finds', async (t) => {
  const self = project(t);
  const image = join(self.dir, 'image');
  const all = instructions();
  let directory = '/';
  const sources: string[] = [];
  for (const [name, rest] of all) {
    assert.ok(KNOWN.includes(name), name);
    if (name === 'WORKDIR') directory = rest;
    if (name !== 'COPY') continue;
    const parts = rest.split(' ');
    const target = join(image, directory, parts.at(-1) as string);
    for (const source of parts.slice(0, -1)) {
      assert.ok(existsSync(join(ROOT, source)), source);
      sources.push(source);
      const isInto = (parts.at(-1) as string).endsWith('/');
      const to = isInto ? join(target, basename(source)) : target;
      mkdirSync(dirname(to), { recursive: true });
      cpSync(join(ROOT, source), to, { recursive: true });
    }
  }
  // What `npm ci` would install.
  symlinkSync(join(ROOT, 'node_modules'), join(image, 'opt', 'hookspool', 'node_modules'));
  assert.ok(sources.includes('package-lock.json'));
  const argumentsOf = (name: string): string[] => {
    const text = all.find(([other]) => other === name)?.[1] ?? '';
    return JSON.parse(/\[.*\]$/.exec(text)?.[0] ?? '[]') as string[];
  };
  const [entry, ...args] = argumentsOf('ENTRYPOINT');
  // A port of our own: what is published is 7474.
  assert.equal(args.at(-1), '7474');
  const child = spawn(join(image, entry as string), [...args.slice(0, -1), '0'], {
    cwd: self.dir,
    env: self.env,
  });
  const ended = new Promise((done) => child.once('close', done));
  self.atEnd.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const port = await waitFor('it to listen', () => /0\.0\.0\.0:(\d+)/.exec(out)?.[1]);
  const check = argumentsOf('HEALTHCHECK').map((text) => text.replace(':7474', `:${port}`));
  const health = () => self.run(check[0] as string, check.slice(1));
  assert.equal((await health()).code, 0);
  child.kill('SIGTERM');
  await ended;
  assert.equal((await health()).code, 1);
});
