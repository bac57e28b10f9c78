/** JSON that keeps every digit of a BigInt: numbers beyond 2^53 go through the spool as BigInt, never rounded. */
/** `JSON.stringify` in which a BigInt is the number it is. @throws as JSON.stringify does, for a circle. */
export declare function exactJson(value: unknown, space?: number): string;
