/**
 * From a URL to what is needed to connect, as libpq users expect it: what the URL leaves open comes from the service
 * file, the PG* variables, ~/.pgpass and libpq's defaults. Read anew for every connection, so that a password may be
 * changed while entries wait.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import pgpass from 'pgpass';
import { Outage } from './errors.ts';

export interface Access {
  readonly client: ClientConfig;
  /** To be tried in turn: libpq's `prefer` takes a server without TLS as well. */
  readonly ssl: readonly (false | ConnectionOptions)[];
  readonly connectTimeoutMs: number;
}

type Settings = Record<string, string | undefined>;

const CONNECT_TIMEOUT_S = 10;
const VARIABLES: Readonly<Record<string, string>> = {
  host: 'PGHOST',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  options: 'PGOPTIONS',
  application_name: 'PGAPPNAME',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
};
const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/** @throws Outage when something that the URL names can't be used. */
export function accessOf(url: string): Access {
  const given = fromUrl(url);
  const service = given.service ?? process.env.PGSERVICE;
  const settings: Settings = { ...fromEnvironment(), ...(service ? fromService(service) : {}), ...given };
  const port = Number(settings.port || 5432);
  const user = settings.user ?? userInfo().username;
  const database = settings.dbname ?? user;
  const host = settings.host || defaultHost(port);
  if (!Number.isInteger(port) || host.includes(','))
    throw new Outage('BAD_TARGET', 'a URL names one host and one port', { hint: 'Correct HIVE_DB.' });
  const client: ClientConfig = {
    host,
    port,
    user,
    database,
    password: () => passwordFor(settings, { host, port, user, database }),
    application_name: settings.application_name ?? 'hookspool',
    keepAlive: true,
    ...(settings.options ? { options: settings.options } : {}),
  };
  const seconds = Number(settings.connect_timeout) || CONNECT_TIMEOUT_S;
  return { client, ssl: host.startsWith('/') ? [false] : sslOf(settings), connectTimeoutMs: seconds * 1000 };
}

function fromUrl(text: string): Settings {
  // A socket's directory stands percent-encoded in the place of the host; none is libpq's default.
  const [, userPart = '', hostPart = '', path = '', query = ''] =
    /^[a-z]+:\/\/(?:([^/?@]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/i.exec(text) ?? [];
  const [user, ...password] = userPart.split(':');
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(hostPart) ?? ['', hostPart];
  const settings: Settings = {};
  const set = (name: string, value: string | undefined): void => {
    if (value) settings[name] = decode(value);
  };
  set('user', user);
  set('password', password.join(':'));
  set('host', host?.replace(/^\[|\]$/g, ''));
  set('port', port);
  set('dbname', path);
  // Not URLSearchParams: there a plus sign is a space, and for libpq it is itself.
  for (const pair of query.split('&')) {
    const [name = '', ...value] = pair.split('=');
    set(decode(name), value.join('='));
  }
  if (settings.ssl === 'true') settings.sslmode ??= 'require';
  return settings;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function fromEnvironment(): Settings {
  const pairs = Object.entries(VARIABLES).map(([name, variable]) => [
    name,
    process.env[variable] || undefined,
  ]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as Settings;
}

/** @throws Outage when there is no such service. */
function fromService(service: string): Settings {
  const files = [
    process.env.PGSERVICEFILE ?? join(homedir(), '.pg_service.conf'),
    ...(process.env.PGSYSCONFDIR ? [join(process.env.PGSYSCONFDIR, 'pg_service.conf')] : []),
  ];
  for (const file of files.filter((path) => existsSync(path))) {
    const sections = readFileSync(file, 'utf8').split(/^\s*\[/m);
    const section = sections.find((text) => text.startsWith(`${service}]`));
    const lines = section?.split('\n').slice(1) ?? [];
    const pairs = lines
      .filter((line) => !/^\s*#/.test(line))
      .map((line) => /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line));
    if (section) return Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1], pair[2]]] : [])));
  }
  throw new Outage('BAD_TARGET', `the service '${service}' is not in ${files.join(' or ')}`);
}

function defaultHost(port: number): string {
  const directory = ['/var/run/postgresql', '/tmp'].find((path) => existsSync(`${path}/.s.PGSQL.${port}`));
  return directory ?? 'localhost';
}

function sslOf(settings: Settings): Access['ssl'] {
  const mode = settings.sslmode ?? 'prefer';
  if (!MODES.includes(mode))
    throw new Outage('BAD_TARGET', `sslmode is '${mode}': it must be one of ${MODES.join(', ')}`);
  const own = (name: string): string => join(homedir(), '.postgresql', name);
  const file = (name: string, path: string | undefined, usual: string): string | undefined => {
    if (path === undefined && !existsSync(usual)) return undefined;
    try {
      return readFileSync(path ?? usual, 'utf8');
    } catch (error) {
      throw new Outage('BAD_TARGET', `${name}: ${(error as Error).message}`);
    }
  };
  if (mode === 'disable') return [false];
  const isSystem = settings.sslrootcert === 'system';
  const ca = isSystem ? undefined : file('sslrootcert', settings.sslrootcert, own('root.crt'));
  const cert = file('sslcert', settings.sslcert, own('postgresql.crt'));
  const key = cert === undefined ? undefined : file('sslkey', settings.sslkey, own('postgresql.key'));
  const base: ConnectionOptions = { ...(ca ? { ca } : {}), ...(cert && key ? { cert, key } : {}) };
  const anyone = { ...base, rejectUnauthorized: false };
  const anyName = { ...base, rejectUnauthorized: true, checkServerIdentity: () => undefined };
  switch (mode) {
    case 'allow':
      return [false, anyone];
    case 'prefer':
      return [anyone, false];
    case 'require':
      // With a root certificate it verifies, as libpq does.
      return [ca ? anyName : anyone];
    default:
      if (!ca && !isSystem) {
        const hint = `Put it into ${own('root.crt')}, or name it in sslrootcert; sslrootcert=system takes the system's.`;
        throw new Outage('BAD_TARGET', `sslmode=${mode} needs a root certificate`, { hint });
      }
      return [mode === 'verify-ca' ? anyName : { ...base, rejectUnauthorized: true }];
  }
}

interface Place {
  host: string;
  port: number;
  user: string;
  database: string;
}

/** Of the URL or PGPASSWORD, else of the password file; an empty one when there is none. */
async function passwordFor(settings: Settings, place: Place): Promise<string> {
  if (settings.password) return settings.password;
  if (settings.passfile) process.env.PGPASSFILE = settings.passfile;
  // Its warnings about the file's mode go to stderr, which is nobody's here.
  pgpass.warnTo(new PassThrough());
  const host = place.host.startsWith('/') ? 'localhost' : place.host;
  return new Promise((done) => pgpass({ ...place, host }, (password) => done(password ?? '')));
}
