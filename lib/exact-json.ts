/** JSON that keeps every digit of a BigInt: numbers beyond 2^53 go through the spool as BigInt, never rounded. */

/** `JSON.stringify` in which a BigInt is the number it is. @throws as JSON.stringify does, for a circle. */
export function exactJson(value: unknown, space?: number): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? raw(item) : item), space);
}

/** JSON.rawJSON (V8 11.4, Node 21) writes the digits as they are; the type library does not know it yet. */
function raw(value: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString());
}
