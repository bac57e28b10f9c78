/** What every section is given. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Options } from './options.ts';
import type { Peers } from './peers.ts';
import { DIST, type Workspace } from './workspace.ts';

export interface Context {
  readonly options: Options;
  readonly workspace: Workspace;
  readonly peers: Peers;
  /** Says on stderr what is being measured. */
  readonly progress: (text: string) => void;
  /** The value for this run's effort. */
  pick<T>(choice: { readonly full: T; readonly quick: T; readonly smoke: T }): T;
}

/** Why an executable of dist/ can't be measured, or undefined when it is there. */
export function missingExecutable(name: string): string | undefined {
  return existsSync(join(DIST, name)) ? undefined : `dist/${name} is not there: npm run build`;
}
