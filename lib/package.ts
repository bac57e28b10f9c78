/** Where the package's own executables are, from the sources as well as from a bundle in dist/. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path of `dist/NAME`. */
export function executablePath(name: string): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let dir = start; ; dir = dirname(dir)) {
    const candidate = join(dir, 'dist', name);
    if (existsSync(candidate)) return candidate;
    if (dir === dirname(dir)) throw new Error(`dist/${name} is not found above ${start}: run npm run build`);
  }
}

/** The directory that dist/, lib/ and hooks/ are in. */
export function installationPath(): string {
  return dirname(dirname(executablePath('queue-init')));
}
