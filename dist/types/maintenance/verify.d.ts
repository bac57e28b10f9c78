import type { Finding } from './findings.js';
/** Runs every check, in order. Never throws for what it finds. */
export declare function verifyInstallation(env?: NodeJS.ProcessEnv): Finding[];
