/**
 * Builds dist/ from lib/: `tsx scripts/build.ts`; with `--check` it builds elsewhere and fails when dist/ differs.
 *
 * Each executable is one file in two languages: a shell prologue that finds a Node and hands over to it, in what
 * JavaScript takes for a comment, and the bundle behind it. queue-write's prologue is the whole bash producer: the
 * common call never starts Node. The output is deterministic.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, buildSync } from 'esbuild';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const CLI = join(ROOT, 'lib', 'cli');
const PAGE = join(ROOT, 'lib', 'serve', 'page');

const COMMON: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  minify: true,
  platform: 'node',
  // An older Node must be able to parse the file, so that it can say that it is too old.
  target: 'node14.6',
  write: false,
  logLevel: 'warning',
  legalComments: 'none',
};

const CJS: BuildOptions = {
  ...COMMON,
  format: 'cjs',
  // cli-table3 requires @colors/colors when a table asks it for colours, and none does.
  external: ['better-sqlite3', '@colors/colors'],
  alias: {
    // proper-lockfile asks for it only to have fs; its patches of fs would cost every start.
    'graceful-fs': 'node:fs',
    // Its main file requires its parts by names that only run time knows.
    'jsonc-parser': 'jsonc-parser/lib/esm/main.js',
    // sparkly imports it for the one style that has colours.
    chalk: 'node:util',
    'emoji-regex': './scripts/stand-ins/emoji-regex.cjs',
  },
  define: { 'import.meta.url': '__url' },
};

/** The driver's other halves: a binding to libpq, and sockets of a platform that has no node:net. */
const POSTGRES: BuildOptions = { ...CJS, external: ['pg-native', 'pg-cloudflare', 'better-sqlite3'] };
/**
 * What nearly every executable needs is beside them, once. queue-write, which is to write whatever else is broken,
 * carries its own.
 */
const SHARED = ['proper-lockfile', 'write-file-atomic'];
const WITH_SHARED: BuildOptions = {
  ...CJS,
  external: ['better-sqlite3', '@colors/colors', ...SHARED.map(sharedFile)],
  alias: { ...CJS.alias, ...Object.fromEntries(SHARED.map((name) => [name, sharedFile(name)])) },
};

/** In the syntax of any Node: one clear line where the addon would crash the process. */
const NODE_CHECK = `if(parseInt(process.versions.node,10)<22){process.stderr.write("hookspool needs Node 22 or later; this is "+process.versions.node+" ("+process.execPath+"). Upgrade it, or name another in QUEUE_NODE.\\n");process.exit(1)}`;
/** What comes after this line in the bash library, an executable has no use for. */
const SOURCED_ONLY = '# BUILD: only for scripts that source it';
const URL_OF_FILE = 'var __url=require("url").pathToFileURL(__filename).href;';

/** Becomes Node. Which: $QUEUE_NODE, the one installed for development, the one on PATH. */
const BECOME_NODE = `node=\${QUEUE_NODE:-}
[ -n "$node" ] || { node=\${0%/*}/../node_modules/node/bin/node; [ -x "$node" ] || node=node; }
command -v "$node" >/dev/null 2>&1 || { printf '%s: Node is not found (%s); install Node 22 or later, or name it in QUEUE_NODE\\n' "\${0##*"/"}" "$node" >&2; exit 1; }
exec "$node" "$0" "$@"
`;

/** Of a stream of long lines V8 keeps more and more garbage for later: half the memory, and a tenth less time. */
const NODE_FLAGS: Readonly<Record<string, string>> = { 'queue-sync': '--max-semi-space-size=8 ' };

main(process.argv.slice(2));

function main(args: readonly string[]): void {
  const dist = join(ROOT, 'dist');
  // Built elsewhere in any case: sources that do not build leave dist/ as it is.
  const built = mkdtempSync(join(tmpdir(), 'hookspool-build-'));
  try {
    build(built);
    if (args.includes('--check')) return compare(built, dist);
    rmSync(dist, { recursive: true, force: true });
    cpSync(built, dist, { recursive: true });
    // mkdtemp's 0700 would keep other users of an installation out.
    chmodSync(dist, 0o755);
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
}

function build(dist: string): void {
  mkdirSync(dist, { recursive: true });
  writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n');
  for (const file of readdirSync(CLI).sort()) {
    const name = /^(queue-[a-z]+)\.ts$/.exec(file)?.[1];
    if (name) writeExecutable(join(dist, name), name);
  }
  copyFileSync(join(CLI, 'queue-write.txt'), join(dist, 'queue-write.txt'));
  for (const name of ['direct', 'jobs']) {
    const code = bundle(`lib/producer/${name}.ts`, WITH_SHARED);
    writeFileSync(join(dist, `${name}.cjs`), `${NODE_CHECK}${URL_OF_FILE}${code}`);
  }
  writeFileSync(
    join(dist, 'postgres.cjs'),
    `${URL_OF_FILE}${bundle('lib/sink/postgres/thread.ts', POSTGRES)}`,
  );
  for (const name of SHARED) {
    writeFileSync(join(dist, `${name}.cjs`), bundle(`./node_modules/${name}`, CJS));
  }
  const api: BuildOptions = { ...COMMON, format: 'esm', target: 'node22', packages: 'external' };
  writeFileSync(join(dist, 'index.mjs'), bundle('lib/index.ts', api));
  writeDeclarations(join(dist, 'types'));
  writePage(join(dist, 'page'));
}

/** The page of queue-serve: one script and one style sheet, with the libraries' in them. */
function writePage(directory: string): void {
  mkdirSync(directory);
  cpSync(join(PAGE, 'index.html'), join(directory, 'index.html'));
  const options: BuildOptions = { ...COMMON, platform: 'browser', format: 'esm', target: 'es2022' };
  writeFileSync(join(directory, 'page.js'), bundle(join(PAGE, 'page.ts'), options));
  // As it is written: what it asks of browsers (light-dark()) has no older form that esbuild could make of it.
  const style: BuildOptions = { ...COMMON, platform: 'browser', target: 'esnext' };
  writeFileSync(join(directory, 'page.css'), bundle(join(PAGE, 'page.css'), style));
}

function writeExecutable(path: string, name: string): void {
  const isProducer = name === 'queue-write';
  const becomeNode = BECOME_NODE.replace('"$0"', `${NODE_FLAGS[name] ?? ''}"$0"`);
  const prologue = isProducer ? bashProducer() : becomeNode;
  if (prologue.includes('*/'))
    throw new Error(`the shell part of ${name} holds */, which would end the comment`);
  // Not by way of env, which costs as much as starting bash. -f: the comment's start is not to list the root
  // directory; -p: nothing is to be sourced or taken over from the environment.
  const shell = isProducer ? '#!/bin/bash -pf' : '#!/bin/sh';
  const code = bundle(`lib/cli/${name}.ts`, isProducer ? CJS : WITH_SHARED);
  writeFileSync(path, `${shell}\n':' /*\n${prologue}*/;${NODE_CHECK}${URL_OF_FILE}${code}`);
  chmodSync(path, 0o755);
}

/** lib/cli/queue-write.sh with the parts of lib/queue-lib.sh and queue-rest.sh in it, without comments and indentation. */
function bashProducer(): string {
  const library = readFileSync(join(ROOT, 'lib', 'queue-lib.sh'), 'utf8');
  const [rest = ''] = readFileSync(join(ROOT, 'lib', 'queue-rest.sh'), 'utf8').split(SOURCED_ONLY);
  const [, ...parts] = library.split(/^(# BUILD: .*)$/m);
  const pieces = new Map([
    ['# BUILD: become Node', BECOME_NODE],
    ['# BUILD: queue-rest.sh', rest],
  ]);
  for (let i = 0; i < parts.length; i += 2) pieces.set(parts[i] as string, parts[i + 1] as string);
  const code = readFileSync(join(CLI, 'queue-write.sh'), 'utf8').replace(
    /^ *(# BUILD: .*)$/gm,
    (_line, name: string) => {
      const piece = pieces.get(name);
      if (piece === undefined) throw new Error(`lib/queue-lib.sh has no part '${name}'`);
      return piece;
    },
  );
  const lines = code.split('\n').map((line) => line.trimStart());
  return `${lines.filter((line) => line !== '' && !line.startsWith('#')).join('\n')}\n`;
}

/** The file in dist/, as the others there require it. */
function sharedFile(name: string): string {
  return `./${name}.cjs`;
}

function bundle(entry: string, options: BuildOptions): string {
  const result = buildSync({ ...options, entryPoints: [entry] });
  return result.outputFiles?.[0]?.text ?? '';
}

/** Declarations for all that lib/index.ts reaches. */
function writeDeclarations(directory: string): void {
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
  const flags = ['--declaration', '--emitDeclarationOnly', '--allowImportingTsExtensions'];
  const common = ['--ignoreConfig', 'lib/index.ts', '--outDir', directory, '--rootDir', 'lib', ...flags];
  const language = [
    '--target',
    'es2023',
    '--module',
    'nodenext',
    '--lib',
    'es2024',
    '--types',
    'node',
    '--skipLibCheck',
  ];
  execFileSync(tsc, [...common, ...language, '--strict'], { cwd: ROOT, stdio: 'inherit' });
  for (const name of filesBelow(directory)) {
    const path = join(directory, name);
    // TypeScript rewrites the imports of the code, not those of the declarations.
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(/(from|import\()( ?)'(\.[^']+)\.ts'/g, "$1$2'$3.js'"),
    );
  }
}

/** @throws Error naming every file that is missing, surplus or different. */
function compare(built: string, committed: string): void {
  const names = new Set([...filesBelow(built), ...filesBelow(committed)]);
  const differing = [...names].sort().flatMap((name) => {
    const [fresh, old] = [built, committed].map((directory) => join(directory, name)) as [string, string];
    if (!existsSync(old)) return [`missing    dist/${name}`];
    if (!existsSync(fresh)) return [`surplus    dist/${name}`];
    return readFileSync(fresh).equals(readFileSync(old)) ? [] : [`different  dist/${name}`];
  });
  if (differing.length === 0) return;
  process.stderr.write(
    `dist/ is not what the sources build:\n  ${differing.join('\n  ')}\nRun: npm run build\n`,
  );
  process.exitCode = 1;
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}
