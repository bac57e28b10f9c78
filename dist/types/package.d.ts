/** The path of `dist/NAME`. */
export declare function executablePath(name: string): string;
/** The directory that dist/, lib/ and hooks/ are in. */
export declare function installationPath(): string;
