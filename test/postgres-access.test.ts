/** How a server is reached: TLS, password files, services; and what is done without a server. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { shownTarget } from '../lib/config.ts';
import { planSql } from '../lib/sink/postgres/plan.ts';
import { splitStatements } from '../lib/sink/postgres/statements.ts';
import { noPostgres, postgresServer, type Server } from './support/postgres.ts';
import { type Project, project } from './support/project.ts';
import { putEntry, unless } from './support/queue.ts';

const skip = noPostgres() || unless('openssl', ['version'], 'openssl');
const server = skip ? ({} as Server) : await postgresServer();
let count = 0;

/** Applies one entry with this environment. @returns what went wrong, '' when nothing did. */
async function reach(
  t: TestContext,
  env: Record<string, string>,
  prepare?: (self: Project) => void,
): Promise<string> {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '300', ...env });
  prepare?.(self);
  const id = `reach ${++count}`;
  putEntry(self, 'SELECT 1', { id });
  const { code, stderr } = await self.run('queue-worker', ['--once']);
  const [row] = await server
    .sql(`SELECT count(*)::int AS n FROM _queue_ledger WHERE id = '${id}'`)
    .catch(() => [{ n: 0 }]);
  assert.equal(code === 0, row?.n === 1, stderr);
  return stderr;
}

test('passwords come from the URL, PGPASSWORD, the password file and a service', { skip }, async (t) => {
  const { password } = server;
  const url = server.url();
  assert.equal(await reach(t, { HIVE_DB: url, PGPASSWORD: password }), '');
  assert.equal(
    await reach(t, { HIVE_DB: url.replace('queue@', `queue:${encodeURIComponent(password)}@`) }),
    '',
  );
  assert.equal(await reach(t, { HIVE_DB: `${url}?password=${encodeURIComponent(password)}` }), '');
  // A plus sign is itself, as for libpq, and no space.
  const plain = encodeURIComponent(password).replace('%2B', '+');
  assert.equal(await reach(t, { HIVE_DB: `${url}?password=${plain}` }), '');
  const line = `127.0.0.1:${server.port}:*:queue:${password}\n`;
  const file = (self: Project): void => writeFileSync(join(self.dir, '.pgpass'), line, { mode: 0o600 });
  assert.equal(await reach(t, { HIVE_DB: url }, file), '');
  // As libpq does, one that others may read is left alone.
  const open = (self: Project): void => {
    file(self);
    chmodSync(join(self.dir, '.pgpass'), 0o644);
  };
  assert.match(await reach(t, { HIVE_DB: url }, open), /28P01|password/);
  const service = (self: Project): void => {
    file(self);
    const text = `[other]\nhost=nowhere\n[hive]\n# ours\nhost=127.0.0.1\nport=${server.port}\nuser=queue\ndbname=postgres\n`;
    writeFileSync(join(self.dir, '.pg_service.conf'), text);
  };
  assert.equal(await reach(t, { HIVE_DB: 'postgres://?service=hive' }, service), '');
  assert.equal(await reach(t, { HIVE_DB: 'postgresql:///postgres', PGSERVICE: 'hive' }, service), '');
  assert.match(await reach(t, { HIVE_DB: 'postgres://?service=none' }, service), /'none' is not in/);
  const socket = `postgres://queue@${encodeURIComponent(server.dir)}:${server.port}/postgres`;
  assert.equal(await reach(t, { HIVE_DB: socket, PGPASSWORD: password }), '');
});

test('TLS as libpq has it: prefer, require, verify-ca, verify-full', { skip }, async (t) => {
  const certify = (name: string): [key: string, cert: string] => {
    const [key, cert] = [join(server.dir, `${name}.key`), join(server.dir, `${name}.crt`)];
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
    const made = spawnSync('openssl', [
      ...args,
      '-addext',
      `subjectAltName=DNS:${name}`,
      '-keyout',
      key,
      '-out',
      cert,
    ]);
    assert.equal(made.status, 0, String(made.stderr));
    chmodSync(key, 0o600);
    if (process.getuid?.() === 0) chownSync(key, 65534, 65534);
    return [key, cert];
  };
  const with_ = (mode: string, more = ''): Record<string, string> => ({
    HIVE_DB: server.url('postgres', `?sslmode=${mode}${more}`),
    PGPASSWORD: server.password,
  });
  assert.match(await reach(t, with_('require')), /does not support SSL/);
  assert.equal(await reach(t, with_('prefer')), '');
  const [key, cert] = certify('localhost');
  const [, strange] = certify('strange');
  await server.stop();
  await server.start(['ssl=on', `ssl_cert_file=${cert}`, `ssl_key_file=${key}`]);
  try {
    for (const mode of ['disable', 'prefer', 'require']) assert.equal(await reach(t, with_(mode)), '', mode);
    assert.match(await reach(t, with_('verify-full')), /root certificate/);
    assert.equal(await reach(t, with_('verify-ca', `&sslrootcert=${cert}`)), '');
    assert.match(await reach(t, with_('verify-ca', `&sslrootcert=${strange}`)), /self-signed|certificate/);
    // The certificate is localhost's, and the URL names an address.
    assert.match(await reach(t, with_('verify-full', `&sslrootcert=${cert}`)), /127\.0\.0\.1|altnames/);
    const named = with_('verify-full', `&sslrootcert=${cert}`);
    assert.equal(
      await reach(t, { ...named, HIVE_DB: (named.HIVE_DB as string).replace('127.0.0.1', 'localhost') }),
      '',
    );
    const home = (self: Project): void => {
      mkdirSync(join(self.dir, '.postgresql'));
      writeFileSync(join(self.dir, '.postgresql', 'root.crt'), readFileSync(cert));
    };
    assert.equal(await reach(t, { ...with_('verify-ca'), PGSSLMODE: 'disable' }, home), '');
  } finally {
    await server.stop();
    await server.start();
  }
});

test('a password is shown nowhere', () => {
  const shown = 'postgres://me@host/db';
  for (const url of [
    'postgres://me:secret@host/db',
    'postgres://me:s@cret@host/db',
    `${shown}?password=secret`,
    shown,
  ])
    assert.equal(shownTarget(url), shown, url);
  assert.equal(shownTarget(`${shown}?password=secret&sslmode=require`), `${shown}?sslmode=require`);
  assert.equal(shownTarget(`${shown}?sslmode=require&password=secret`), `${shown}?sslmode=require`);
  assert.equal(shownTarget('/a/path:with@signs'), '/a/path:with@signs');
});

test('SQL is cut into statements as psql would', () => {
  const cases: Record<string, string[]> = {
    "SELECT 1; SELECT ';' ;; -- ;\n": ['SELECT 1', "SELECT ';'"],
    "SELECT E'\\';', 'a\\'; SELECT 2": ["SELECT E'\\';', 'a\\'", 'SELECT 2'],
    'DO $$ a; $b$ ; $$; SELECT $x$;$$;$x$': ['DO $$ a; $b$ ; $$', 'SELECT $x$;$$;$x$'],
    '/* a /* ; */ ; */ SELECT 1; SELECT ";"': ['SELECT 1', 'SELECT ";"'],
    'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3': [
      'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)',
      'SELECT 3',
    ],
    'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3':
      [
        'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END',
        'SELECT 3',
      ],
    "SELECT 'open": ["SELECT 'open"],
    ' ; -- only': [],
  };
  for (const [sql, texts] of Object.entries(cases))
    assert.deepEqual(
      splitStatements(sql).map(({ text }) => text),
      texts,
      sql,
    );
});

test('parameters are found where they are, and every name gets a number of its own', () => {
  const cases: Record<string, [sql: string, keys: (string | number)[]]> = {
    'SELECT :a::text, :b, :a': ['SELECT $1::text, $2, $3', ['a', 'b']],
    'SELECT \':a\', ":b", $$:c$$, x::int, a[1:n], a[i:j], ARRAY[:d]': [
      'SELECT \':a\', ":b", $$:c$$, x::int, a[1:n], a[i:j], ARRAY[$1]',
      ['d'],
    ],
    'SELECT $2, $1, $2': ['SELECT $1, $2, $1', [1, 0]],
    "SELECT '{}'::jsonb ? 'k', a @> b, f(x := :v)": ["SELECT '{}'::jsonb ? 'k', a @> b, f(x := $1)", ['v']],
  };
  for (const [sql, [expected, keys]] of Object.entries(cases)) {
    const plan = planSql(sql);
    assert.equal(plan.body[0]?.sql, expected);
    assert.deepEqual(plan.binding.keys, keys);
  }
});
