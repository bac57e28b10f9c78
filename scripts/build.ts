/**
 * Builds dist/ from lib/: `tsx scripts/build.ts`; with `--check` it builds elsewhere and fails when dist/ differs.
 *
 * Each executable is one file in two languages: a shell prologue that finds a Node and hands over to it, in what
 * JavaScript takes for a comment, and the bundle behind it. queue-write's prologue is the whole bash producer: the
 * common call never starts Node. What several executables need is beside them: libraries, core.cjs with the modules of
 * lib/ that nearly all have in common, and worker.cjs. The output is deterministic.
 */
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
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build as esbuild, type Plugin, transformSync } from 'esbuild';
import { writeDeclarations } from './declarations.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const CLI = join(ROOT, 'lib', 'cli');
const PAGE = join(ROOT, 'lib', 'serve', 'page');

/** An older Node must be able to parse the file, so that it can say that it is too old. */
const OLD_SYNTAX = 'node14.6';
/** For what is loaded when Node is known to be new enough. */
const CHECKED_SYNTAX = 'node22';
const COMMON: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  minify: true,
  platform: 'node',
  target: OLD_SYNTAX,
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
    assert: './scripts/stand-ins/assert.cjs',
  },
  define: { 'import.meta.url': '__url' },
};
/** The driver's other halves: a binding to libpq, and sockets of a platform that has no node:net. */
const POSTGRES: BuildOptions = {
  ...CJS,
  target: CHECKED_SYNTAX,
  external: ['pg-native', 'pg-cloudflare', 'better-sqlite3'],
};

/**
 * What several executables need is beside them, once. queue-write, which is to write whatever else is broken, carries
 * its own.
 */
const SHARED = ['proper-lockfile', 'write-file-atomic', 'cli-table3', 'cli-progress', 'log-update'];
const WITH_LIBRARIES: BuildOptions = {
  ...CJS,
  external: ['better-sqlite3', '@colors/colors', ...SHARED.map(sharedFile)],
  alias: { ...CJS.alias, ...Object.fromEntries(SHARED.map((name) => [name, sharedFile(name)])) },
};
/** core.cjs has what the worker needs of these folders: no executable loads there what only another one needs. */
const CORE_FOLDERS = ['lib', 'lib/spool', 'lib/sink', 'lib/sink/postgres'];
const CORE = await modulesOfCore();
/** Imports of these modules are imports of core.cjs: each is loaded once, and its error classes are one. */
const FROM_CORE: Plugin = {
  name: 'from core.cjs',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const isInCore = CORE.includes(relative(ROOT, join(resolveDir, path)));
      return isInCore ? { path: sharedFile('core'), external: true } : undefined;
    });
  },
};
const WITH_CORE: BuildOptions = { ...WITH_LIBRARIES, plugins: [FROM_CORE] };
const CHECKED: BuildOptions = { ...WITH_LIBRARIES, target: CHECKED_SYNTAX };

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

/** Bytes: every installation copies dist/, and bash reads queue-write at every call. */
const MOST = { all: 1_500_000, 'queue-write': 65_536 };

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const dist = join(ROOT, 'dist');
  // Built elsewhere in any case: sources that do not build leave dist/ as it is.
  const built = mkdtempSync(join(tmpdir(), 'hookspool-build-'));
  try {
    await build(built);
    checkSizes(built);
    if (args.includes('--check')) return compare(built, dist);
    rmSync(dist, { recursive: true, force: true });
    cpSync(built, dist, { recursive: true });
    // mkdtemp's 0700 would keep other users of an installation out.
    chmodSync(dist, 0o755);
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
}

async function build(dist: string): Promise<void> {
  mkdirSync(dist, { recursive: true });
  writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n');
  for (const file of readdirSync(CLI).sort()) {
    const name = /^(queue-[a-z]+)\.ts$/.exec(file)?.[1];
    if (name === undefined || name === 'queue-worker') continue;
    const code = await bundle(`lib/cli/${name}.ts`, name === 'queue-write' ? CJS : WITH_CORE);
    writeExecutable(join(dist, name), name, code);
  }
  copyFileSync(join(CLI, 'queue-write.txt'), join(dist, 'queue-write.txt'));
  // With all of it: core.cjs would be more than a producer has to load.
  for (const name of ['direct', 'jobs']) {
    const code = await bundle(`lib/producer/${name}.ts`, WITH_LIBRARIES);
    writeFileSync(join(dist, `${name}.cjs`), `${NODE_CHECK}${URL_OF_FILE}${code}`);
  }
  const loaded = {
    threads: await bundle('lib/worker/threads.ts', CHECKED),
    postgres: await bundle('lib/sink/postgres/thread.ts', POSTGRES),
    core: await bundleCore(),
  };
  for (const [name, code] of Object.entries(loaded))
    writeFileSync(join(dist, `${name}.cjs`), `${URL_OF_FILE}${code}`);
  const library: BuildOptions = { ...CJS, target: CHECKED_SYNTAX };
  for (const name of SHARED)
    writeFileSync(join(dist, `${name}.cjs`), await bundle(`./node_modules/${name}`, library));
  await writeWorkerAndApi(dist);
  writeDeclarations(ROOT, join(dist, 'types'));
  await writePage(join(dist, 'page'));
}

async function modulesOfCore(): Promise<string[]> {
  const entryPoints = ['lib/cli/queue-worker.ts'];
  const { outputs } = (await esbuild({ ...WITH_LIBRARIES, entryPoints, metafile: true })).metafile;
  const inputs = Object.entries(Object.values(outputs)[0]?.inputs ?? {});
  const needed = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([module]) => module);
  return needed.filter((module) => CORE_FOLDERS.includes(dirname(module)));
}

/** @throws Error when it would need a module that is not its own, which an executable may have as well. */
async function bundleCore(): Promise<string> {
  const names: BuildOptions = { ...COMMON, bundle: false, format: 'esm', entryPoints: CORE, outdir: ROOT };
  const { outputs } = (await esbuild({ ...names, metafile: true })).metafile;
  // Name by name: when two modules export the same, `export *` would give neither, and this is an error.
  const contents = Object.values(outputs)
    .map(({ entryPoint, exports }) => `export { ${exports.join()} } from './${entryPoint}';\n`)
    .sort()
    .join('');
  const stdin = { contents, resolveDir: ROOT };
  const { outputFiles, metafile } = await esbuild({ ...CHECKED, stdin, metafile: true });
  const inputs = Object.keys(metafile.inputs).filter((name) => name.startsWith('lib/'));
  const surplus = inputs.filter((name) => !CORE.includes(name));
  if (surplus.length > 0)
    throw new Error(`core.cjs would need ${surplus.join(', ')}, which the worker does not`);
  return outputFiles?.[0]?.text ?? '';
}

/** queue-worker, index.mjs, and worker.cjs with what both need and core.cjs does not have. */
async function writeWorkerAndApi(dist: string): Promise<void> {
  const { outputFiles = [] } = await esbuild({
    ...CHECKED,
    // Under names of one letter, files of two versions would fit together and do something else.
    minify: false,
    plugins: [FROM_CORE],
    format: 'esm',
    splitting: true,
    entryPoints: { 'queue-worker': 'lib/cli/queue-worker.ts', index: 'lib/index.ts' },
    chunkNames: 'worker',
    outdir: dist,
  });
  const code = (name: string): string => {
    const { text = '' } = outputFiles.find(({ path }) => basename(path) === `${name}.js`) ?? {};
    return text.replaceAll('"./worker.js"', `"${sharedFile('worker')}"`);
  };
  const minified = (name: string, format: 'cjs' | 'esm', target: string): string =>
    transformSync(code(name), { format, platform: 'node', minify: true, target }).code;
  writeExecutable(join(dist, 'queue-worker'), 'queue-worker', minified('queue-worker', 'cjs', OLD_SYNTAX));
  writeFileSync(join(dist, 'worker.cjs'), `${URL_OF_FILE}${minified('worker', 'cjs', CHECKED_SYNTAX)}`);
  writeFileSync(
    join(dist, 'index.mjs'),
    `const __url=import.meta.url;${minified('index', 'esm', CHECKED_SYNTAX)}`,
  );
}

/** The page of queue-serve: one script and one style sheet, with the libraries' in them. */
async function writePage(directory: string): Promise<void> {
  mkdirSync(directory);
  cpSync(join(PAGE, 'index.html'), join(directory, 'index.html'));
  const options: BuildOptions = { ...COMMON, platform: 'browser', format: 'esm', target: 'es2022' };
  writeFileSync(join(directory, 'page.js'), await bundle(join(PAGE, 'page.ts'), options));
  // As it is written: what it asks of browsers (light-dark()) has no older form that esbuild could make of it.
  const style: BuildOptions = { ...COMMON, platform: 'browser', target: 'esnext' };
  writeFileSync(join(directory, 'page.css'), await bundle(join(PAGE, 'page.css'), style));
}

function writeExecutable(path: string, name: string, code: string): void {
  const isProducer = name === 'queue-write';
  const becomeNode = BECOME_NODE.replace('"$0"', `${NODE_FLAGS[name] ?? ''}"$0"`);
  const prologue = isProducer ? bashProducer() : becomeNode;
  if (prologue.includes('*/'))
    throw new Error(`the shell part of ${name} holds */, which would end the comment`);
  // Not by way of env, which costs as much as starting bash. -f: the comment's start is not to list the root
  // directory; -p: nothing is to be sourced or taken over from the environment.
  const shell = isProducer ? '#!/bin/bash -pf' : '#!/bin/sh';
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

async function bundle(entry: string, options: BuildOptions): Promise<string> {
  const { outputFiles } = await esbuild({ ...options, entryPoints: [entry] });
  return outputFiles?.[0]?.text ?? '';
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

/** @throws Error when dist/ or queue-write has become too large. */
function checkSizes(built: string): void {
  const sizeOf = (name: string): number => statSync(join(built, name)).size;
  const all = filesBelow(built).reduce((sum, name) => sum + sizeOf(name), 0);
  if (all > MOST.all) throw new Error(`dist/ has ${all} bytes, and may have ${MOST.all}`);
  const producer = sizeOf('queue-write');
  if (producer >= MOST['queue-write'])
    throw new Error(`dist/queue-write has ${producer} bytes; it is to have less than ${MOST['queue-write']}`);
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}
