/** Keeping a webhook's URL out of what is said of it: whoever knows it can write there. */

/** What is shorter is in every other word. */
const MIN_LENGTH = 4;

/** Everything in a URL that may be its secret: all of it, its path, what the path and the query are made of, a password. */
export function secretsOf(address: string): string[] {
  if (!URL.canParse(address)) return [address];
  const { href, pathname, search, hash, username, password } = new URL(address);
  const parts = [...pathname.split('/'), ...search.split(/[?&=]/), hash.slice(1), username, password];
  return [address, href, pathname + search, pathname, search, ...parts, ...parts.map(decoded)];
}

/** `text` with stars in their place. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  // The longest first: one may be a part of another.
  return secrets
    .filter(({ length }) => length >= MIN_LENGTH)
    .sort((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
}

/** Without its %-escapes; as it is when these are none. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
