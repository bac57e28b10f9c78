/** Writes dist/types: the declarations of the TypeScript API. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const IMPORT = /(from|import\()( ?)'(\.[^']+)\.ts'/g;

/** Declarations for all that those of lib/index.ts import; TypeScript makes one of every module that the code needs. */
export function writeDeclarations(root: string, directory: string): void {
  const all = `${directory}-all`;
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const flags = ['--declaration', '--emitDeclarationOnly', '--allowImportingTsExtensions'];
  const common = ['--ignoreConfig', 'lib/index.ts', '--outDir', all, '--rootDir', 'lib', ...flags];
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
  execFileSync(tsc, [...common, ...language, '--strict'], { cwd: root, stdio: 'inherit' });
  writeDeclaration('index');
  rmSync(all, { recursive: true });

  function writeDeclaration(name: string): void {
    const path = join(directory, `${name}.d.ts`);
    if (existsSync(path)) return;
    mkdirSync(dirname(path), { recursive: true });
    const text = readFileSync(join(all, `${name}.d.ts`), 'utf8');
    // TypeScript rewrites the imports of the code, not those of the declarations.
    writeFileSync(path, text.replaceAll(IMPORT, "$1$2'$3.js'"));
    for (const [, , , imported = ''] of text.matchAll(IMPORT))
      writeDeclaration(join(dirname(name), imported));
  }
}
