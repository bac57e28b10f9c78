/** Making and changing the document. Whatever an entry holds gets in as text, never as markup. */

type Child = Node | string;

/** The element of index.html with this id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function button(
  label: string,
  onClick: () => void,
  attributes: Record<string, string> = {},
): HTMLButtonElement {
  const element = el('button', { type: 'button', ...attributes }, label);
  element.addEventListener('click', onClick);
  return element;
}

/** Sets a text, when it is another: fifty reports a second are to lay nothing out anew that has not changed. */
export function put(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element: HTMLElement, isShown: boolean): void {
  if (element.hidden === isShown) element.hidden = !isShown;
}

/** Brings a list of terms and values up to date in place. */
export function putFacts(list: Element, facts: readonly (readonly [term: string, value: string])[]): void {
  facts.forEach(([term, value], index) => {
    let row = list.children[index];
    if (!row) {
      row = el('div', {}, el('dt'), el('dd'));
      list.append(row);
    }
    put(row.children[0] as Element, term);
    put(row.children[1] as Element, value);
  });
  while (list.children.length > facts.length) list.lastElementChild?.remove();
}

/**
 * Brings the children of a list up to date: one for each item, known by its key, kept with its focus when it stays.
 * @param make makes a child; `change` fills it, each time.
 */
export function putItems<T, E extends HTMLElement>(
  list: HTMLElement,
  items: readonly T[],
  keyOf: (item: T) => string,
  make: (item: T) => E,
  change: (element: E, item: T) => void,
): void {
  const known = new Map([...list.children].map((child) => [(child as HTMLElement).dataset.key, child as E]));
  const wanted = new Set(items.map(keyOf));
  for (const [key, child] of known) if (key === undefined || !wanted.has(key)) child.remove();
  items.forEach((item, index) => {
    const key = keyOf(item);
    let child = known.get(key);
    if (!child) {
      child = make(item);
      child.dataset.key = key;
    }
    change(child, item);
    // Moving an element takes its focus away, so only what stands elsewhere is moved.
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
  });
}

/** For those who listen: a line of its own, so that none takes the place of another that is not read yet. */
export function announce(text: string): void {
  const live = byId('live');
  live.append(el('p', {}, text));
  while (live.children.length > 3) live.firstElementChild?.remove();
}

/** A line in the corner, read out as well, that goes by itself; an error stays until it is closed. */
export function note(text: string, isError = false): void {
  const line = el(
    'p',
    { class: isError ? 'note error' : 'note' },
    el('span', { 'aria-hidden': 'true' }, isError ? '✕' : '✓'),
    text,
  );
  if (isError) line.setAttribute('role', 'alert');
  else announce(text);
  line.append(button('Close', () => line.remove(), { class: 'quiet' }));
  const notes = byId('notes');
  notes.append(line);
  while (notes.children.length > 3) notes.firstElementChild?.remove();
  if (!isError) setTimeout(() => line.remove(), 6000);
}

/** Asks before something that can't be undone. */
export function confirmed(title: string, text: string, action: string): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>('confirm');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  const yes = byId('confirm-yes');
  yes.textContent = action;
  return new Promise((done) => {
    let answer = false;
    yes.onclick = () => {
      answer = true;
      dialog.close();
    };
    byId('confirm-no').onclick = () => dialog.close();
    dialog.onclose = () => done(answer);
    dialog.showModal();
    byId('confirm-no').focus();
  });
}
