/** The path of `dist/NAME`. */
export declare function executablePath(name: string): string;
