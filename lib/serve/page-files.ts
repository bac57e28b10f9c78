/** The page's files, built from lib/serve/page into dist/page; read once, when the server starts. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { executablePath } from '../package.ts';

export interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** By the path of the request; index.html is `/` as well. */
export function readPageFiles(): ReadonlyMap<string, PageFile> {
  const directory = executablePath('page');
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(directory)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const bytes = new Uint8Array(readFileSync(join(directory, name)));
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`;
    files.set(`/${name}`, { bytes, type, etag });
  }
  const index = files.get('/index.html');
  if (index) files.set('/', index);
  return files;
}
