/**
 * The hooks of this installation in a project's settings, for those who do not use the plugin. hooks/hooks.json says
 * which they are; here its ${CLAUDE_PLUGIN_ROOT} becomes the path of the installation.
 *
 * Each command ends with the comment `# hookspool`. That and a path ending in /hooks/NAME.sh is how an entry is known
 * as one of ours, whichever installation wrote it: adding replaces them, removing takes them out, and nothing else in
 * the file changes. Where something empty was there before, the comment says so, that removing can leave it.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getNodeValue, type Node } from 'jsonc-parser';
import { messageOf, QueueError } from '../errors.ts';
import { append, JsonError, parseJson, positionOf, remove } from './json-edit.ts';
import { readSettings, replaceSettings } from './settings-file.ts';

/** One command at one event. */
export interface HookEntry {
  readonly event: string;
  readonly matcher: string | null;
  readonly command: string;
  /** Seconds; null leaves it to the agent. */
  readonly timeout: number | null;
}

export interface SettingsReport {
  readonly settings: string;
  readonly change: 'none' | 'created' | 'changed' | 'deleted';
  readonly added: HookEntry[];
  readonly removed: HookEntry[];
}

interface Group {
  matcher?: string;
  hooks: { type: 'command'; command: string; timeout?: number }[];
}

const PLUGIN_ROOT = `"\${CLAUDE_PLUGIN_ROOT}"`;
const MARK = '# hookspool';
const OWN = new RegExp(`/hooks/[a-z0-9-]+\\.sh ${MARK}(, .*)?$`);

/** What was there before, told to a later removal by the comment. */
const NOTES = { emptyHooks: ', into {}', emptyEvent: ', into []', newFile: ', made this file' };

/**
 * Adds the hooks of the installation at `root` to the file, or with `undefined` for it takes all of ours out.
 * @throws QueueError SETTINGS; the file is then as it was.
 */
export function changeHooks(path: string, root: string | undefined, dryRun: boolean): SettingsReport {
  const wanted = root === undefined ? [] : hooksOf(root);
  const file = readSettings(path);
  const { text, ...report } = explained(path, file.text, () => edit(file.text, wanted));
  const change = changeOf(file.text, text);
  if (change !== 'none' && !dryRun) replaceSettings(file, text);
  return { settings: path, change, ...report };
}

/** The entries of hooks/hooks.json, as they stand in a settings file of an installation at `root`. */
function hooksOf(root: string): HookEntry[] {
  try {
    const { hooks } = JSON.parse(readFileSync(join(root, 'hooks', 'hooks.json'), 'utf8')) as {
      hooks: Record<string, Group[]>;
    };
    const entries = Object.entries(hooks).flatMap(([event, groups]) =>
      groups.flatMap((group) => group.hooks.map((hook) => entryOf(event, group, hook))),
    );
    return entries.map((entry) => ({ ...entry, command: installed(entry.command, root) }));
  } catch (error) {
    throw new QueueError('SETTINGS', `the hooks of this installation are not whole: ${messageOf(error)}`, {
      hint: 'Install hookspool again.',
      cause: error,
    });
  }
}

function installed(command: string, root: string): string {
  if (!command.startsWith(PLUGIN_ROOT)) throw new Error(`hooks/hooks.json has the command ${command}`);
  const script = command.slice(PLUGIN_ROOT.length);
  accessSync(root + script, constants.X_OK);
  return `'${root.replaceAll("'", `'\\''`)}'${script} ${MARK}`;
}

function edit(
  before: string | undefined,
  wanted: readonly HookEntry[],
): { text: string | undefined; added: HookEntry[]; removed: HookEntry[] } {
  const old = before === undefined ? [] : entriesOf(checked(before)).filter(isOwn);
  if (sameEntries(old, wanted)) return { text: before, added: [], removed: [] };
  const madeFile = before === undefined || old.some(({ command }) => command.endsWith(NOTES.newFile));
  let text = withoutOwn(before ?? '{}\n', old);
  if (wanted.length > 0) text = withEntries(text, wanted, madeFile ? NOTES.newFile : '');
  else if (madeFile && parseJson(text).children?.length === 0)
    return { text: undefined, added: [], removed: old };
  return { text, added: [...wanted], removed: old };
}

/** Whatever the order, and whatever the comments say about the time before. */
function sameEntries(some: readonly HookEntry[], others: readonly HookEntry[]): boolean {
  const keys = (entries: readonly HookEntry[]): string =>
    JSON.stringify(
      entries.map((entry) => JSON.stringify({ ...entry, command: withoutNote(entry.command) })).sort(),
    );
  return keys(some) === keys(others);
}

function withEntries(before: string, wanted: readonly HookEntry[], fileNote: string): string {
  let text = before;
  let note = fileNote;
  const has = (...path: string[]): Node[] | undefined => childrenAt(parseJson(text), path);
  if (!has('hooks')) text = append(text, [], {}, 'hooks');
  else if (has('hooks')?.length === 0) note ||= NOTES.emptyHooks;
  for (const { event, matcher, command, timeout } of wanted) {
    const items = has('hooks', event);
    if (items?.length === 0) note ||= NOTES.emptyEvent;
    const hook = { type: 'command', command: command + note, ...(timeout !== null && { timeout }) };
    const group = { ...(matcher !== null && { matcher }), hooks: [hook] };
    // An array made empty first would be taken for one that was there.
    text = items ? append(text, ['hooks', event], group) : append(text, ['hooks'], [group], event);
    note = '';
  }
  return text;
}

/** Takes our commands out, and with them the groups, arrays and objects that held nothing else and were made for them. */
function withoutOwn(before: string, own: readonly HookEntry[]): string {
  let text = before;
  for (const event of new Set(own.map((entry) => entry.event))) {
    const groups = childrenAt(parseJson(text), ['hooks', event]) ?? [];
    for (let at = groups.length - 1; at >= 0; at--) {
      const commands = commandsOf(groups[at] as Node);
      const ours = commands.map((command) => OWN.test(command ?? ''));
      const path = ['hooks', event, at];
      if (ours.length > 0 && ours.every(Boolean)) text = remove(text, path);
      else for (let i = ours.length - 1; i >= 0; i--) if (ours[i]) text = remove(text, [...path, 'hooks', i]);
    }
    const keeps = own.some((entry) => entry.event === event && entry.command.endsWith(NOTES.emptyEvent));
    if (!keeps && childrenAt(parseJson(text), ['hooks', event])?.length === 0)
      text = remove(text, ['hooks', event]);
  }
  const keeps = own.length === 0 || own.some(({ command }) => command.endsWith(NOTES.emptyHooks));
  return !keeps && childrenAt(parseJson(text), ['hooks'])?.length === 0 ? remove(text, ['hooks']) : text;
}

/**
 * The root of a file that has the shape of settings.
 * @throws JsonError saying what has another.
 */
function checked(text: string): Node {
  const root = parseJson(text);
  need(root, 'object', 'the top level');
  for (const [name, hooks] of members(root)) {
    if (name !== 'hooks') continue;
    need(hooks, 'object', '"hooks"');
    for (const [event, groups] of members(hooks)) need(groups, 'array', `"hooks"."${event}"`);
  }
  return root;
}

function need(node: Node, type: 'object' | 'array', what: string): void {
  if (node.type !== type) throw new JsonError(`${what} is not an ${type}`, node.offset);
  const names = type === 'object' ? members(node).map(([name]) => name) : [];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  // Of two keys of a name readers take one or the other.
  if (twice !== undefined) throw new JsonError(`${what} has "${twice}" twice`, node.offset);
}

function entriesOf(root: Node): HookEntry[] {
  const hooks = members(root).find(([name]) => name === 'hooks')?.[1];
  return members(hooks).flatMap(([event, groups]) =>
    (groups.children ?? []).flatMap((node) => {
      const commands = commandsOf(node);
      const group = getNodeValue(node) as Group;
      return commands.flatMap((command, i) =>
        command === undefined ? [] : [entryOf(event, group, group.hooks[i] as Group['hooks'][number])],
      );
    }),
  );
}

function entryOf(event: string, group: Group, hook: Group['hooks'][number]): HookEntry {
  return { event, matcher: group.matcher ?? null, command: hook.command, timeout: hook.timeout ?? null };
}

function isOwn({ command }: HookEntry): boolean {
  return OWN.test(command);
}

function withoutNote(command: string): string {
  return command.replace(OWN, (end, note: string | undefined) =>
    end.slice(0, end.length - (note ?? '').length),
  );
}

/** The command of each hook of a group; undefined for one that has none, and [] for what is no group. */
function commandsOf(group: Node): (string | undefined)[] {
  const hooks = (getNodeValue(group) as Partial<Group> | null)?.hooks;
  if (!Array.isArray(hooks)) return [];
  return (hooks as unknown[]).map((hook) => {
    const command = (hook as { command?: unknown } | null)?.command;
    return typeof command === 'string' ? command : undefined;
  });
}

function members(node: Node | undefined): [string, Node][] {
  return (node?.children ?? []).map(({ children }) => [
    children?.[0]?.value as string,
    children?.[1] as Node,
  ]);
}

function childrenAt(root: Node, path: readonly (string | number)[]): Node[] | undefined {
  let node: Node | undefined = root;
  for (const key of path) node = members(node).find(([name]) => name === key)?.[1];
  return node && (node.children ?? []);
}

function changeOf(before: string | undefined, after: string | undefined): SettingsReport['change'] {
  if (before === after) return 'none';
  if (before === undefined) return 'created';
  return after === undefined ? 'deleted' : 'changed';
}

function explained<T>(path: string, text: string | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { line, column } = positionOf(text ?? '', error.offset);
    throw new QueueError('SETTINGS', `${path}:${line}:${column}: ${error.message}`, {
      hint: 'Mend it and run this again; nothing was changed.',
      cause: error,
    });
  }
}
