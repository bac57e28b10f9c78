/**
 * Changing a JSON file that someone else keeps: every byte outside of the change stays as it is, and what is put in
 * looks like its surroundings (line ends, indentation, or all on one line). Removing what was appended gives the text
 * from before, with one exception: white space inside empty brackets is not remembered.
 *
 * Strict JSON only: a file with comments or trailing commas is refused, since who reads it may refuse it too.
 */
import {
  applyEdits,
  findNodeAtLocation,
  type JSONPath,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';

/** What is wrong at one place of the text. */
export class JsonError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** @throws JsonError at the first error of syntax. */
export function parseJson(text: string): Node {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  if (first || !root) {
    const what = first ? printParseErrorCode(first.error).replace(/([a-z])([A-Z])/g, '$1 $2') : 'nothing';
    throw new JsonError(`this is no JSON (${what.toLowerCase()})`, first?.offset ?? 0);
  }
  return root;
}

/** Line and column, counted from 1, of an offset. */
export function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}

/** Puts `value` at the end of the array or, with `key`, of the object at `path`. */
export function append(text: string, path: JSONPath, value: unknown, key?: string): string {
  const root = parseJson(text);
  const container = nodeAt(root, path);
  const unit = indentUnit(text, root);
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const last = container.children?.at(-1);
  if (last) {
    const gap = spaceBefore(text, last.offset);
    const lines = gap.includes('\n') ? { unit: unit ?? '  ', base: afterNewline(gap), eol } : undefined;
    return insert(text, end(last), 0, `,${gap}${render(value, key, lines)}`);
  }
  const inside = container.length - 2;
  if (unit === undefined) return insert(text, container.offset + 1, inside, render(value, key));
  const base = /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', container.offset) + 1))?.[0] ?? '';
  const content = render(value, key, { unit, base: base + unit, eol });
  return insert(text, container.offset + 1, inside, `${eol}${base}${unit}${content}${eol}${base}`);
}

/** Takes the property or array item at `path` out, with the comma that belongs to it. */
export function remove(text: string, path: JSONPath): string {
  const root = parseJson(text);
  const node = nodeAt(root, path);
  const item = node.parent?.type === 'property' ? node.parent : node;
  const container = item.parent as Node;
  const siblings = container.children as Node[];
  const index = siblings.indexOf(item);
  const [previous, next] = [siblings[index - 1], siblings[index + 1]];
  if (previous) return insert(text, end(previous), end(item) - end(previous), '');
  if (next) return insert(text, item.offset, next.offset - item.offset, '');
  return insert(text, container.offset + 1, container.length - 2, '');
}

interface Lines {
  unit: string;
  base: string;
  eol: string;
}

/** The value as text, over several lines or on one. */
function render(value: unknown, key: string | undefined, lines?: Lines): string {
  const text = lines
    ? JSON.stringify(value, null, lines.unit).replaceAll('\n', lines.eol + lines.base)
    : JSON.stringify(value);
  return key === undefined ? text : `${JSON.stringify(key)}:${lines ? ' ' : ''}${text}`;
}

/** One level of indentation; undefined in a file that has its first value on the line of the bracket. */
function indentUnit(text: string, root: Node): string | undefined {
  const first = root.children?.[0];
  if (!first) return '  ';
  const gap = spaceBefore(text, first.offset);
  return gap.includes('\n') ? afterNewline(gap) || '  ' : undefined;
}

function spaceBefore(text: string, offset: number): string {
  return /[ \t\r\n]*$/.exec(text.slice(0, offset))?.[0] ?? '';
}

function afterNewline(space: string): string {
  return space.slice(space.lastIndexOf('\n') + 1);
}

function insert(text: string, offset: number, length: number, content: string): string {
  return applyEdits(text, [{ offset, length, content }]);
}

function end(node: Node): number {
  return node.offset + node.length;
}

function nodeAt(root: Node, path: JSONPath): Node {
  const node = findNodeAtLocation(root, path);
  if (!node) throw new Error(`there is nothing at ${path.join('.')}`);
  return node;
}
