/** What dist/ promises of its files: which syntax an older Node meets, and that it meets nothing else. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type TransformOptions, transformSync } from 'esbuild';
import { DIST, project } from './support/project.ts';

const EXECUTABLES = readdirSync(DIST).filter((name) => /^queue-[a-z]+$/.test(name));

test('what Node reads first, an older one can parse', () => {
  const options: TransformOptions = { minifyWhitespace: true };
  for (const name of [...EXECUTABLES, 'direct.cjs', 'jobs.cjs']) {
    const code = readFileSync(join(DIST, name), 'utf8');
    const [old, any] = ['node14.6', 'esnext'].map(
      (target) => transformSync(code, { ...options, target }).code,
    );
    assert.ok(old === any, `${name} has syntax that is younger than Node 14.6`);
  }
});

test('under an older Node every executable says so, and loads none of the files beside it', async (t) => {
  const self = project(t);
  const preload = join(self.dir, 'older.cjs');
  writeFileSync(
    preload,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.9.0' } });
    const Module = require('node:module');
    const load = Module._load;
    Module._load = function (name, ...rest) {
      if (name.startsWith('./')) process.stderr.write('loads ' + name);
      return load.call(this, name, ...rest);
    };`,
  );
  assert.equal(EXECUTABLES.length, 10);
  for (const name of EXECUTABLES) {
    const { code, stderr } = await self.run(process.execPath, ['-r', preload, join(DIST, name), '--help']);
    assert.match(
      stderr,
      /^hookspool needs Node 22 or later; this is 20\.9\.0 \(.*\)\. Upgrade it.*\n$/,
      name,
    );
    assert.equal(code, 1, name);
  }
});

test('queue-write spools with no other file of dist/ there', async (t) => {
  const self = project(t);
  const dist = join(self.dir, 'package', 'dist');
  mkdirSync(dist, { recursive: true });
  for (const file of ['queue-write', 'package.json']) cpSync(join(DIST, file), join(dist, file));
  const { code, stderr } = await self.run(process.execPath, [join(dist, 'queue-write'), 'SELECT 1']);
  assert.deepEqual([code, stderr, self.names('pending').length], [0, '', 1]);
});
