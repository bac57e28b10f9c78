/** Light, dark, or as the system has it. */
import { byId, put } from './dom.ts';

const MODES = ['auto', 'light', 'dark'] as const;
const KEY = 'hookspool-theme';

/** @param onChange called when colours are others now. */
export function setUpTheme(onChange: () => void): void {
  let mode = MODES.find((known) => known === stored()) ?? 'auto';
  const apply = (): void => {
    if (mode === 'auto') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.setAttribute('data-theme', mode);
    byId('theme').setAttribute('aria-label', `Theme: ${mode}`);
    put(byId('theme').lastElementChild as Element, mode);
    onChange();
  };
  byId('theme').addEventListener('click', () => {
    mode = MODES[(MODES.indexOf(mode) + 1) % MODES.length] ?? 'auto';
    try {
      localStorage.setItem(KEY, mode);
    } catch {
      // A browser that keeps nothing: the choice is this page's.
    }
    apply();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
  apply();
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** A colour of the style sheet, as a canvas takes it. */
export function colour(name: string): string {
  const probe = byId('live');
  probe.style.color = `var(${name})`;
  const value = getComputedStyle(probe).color;
  probe.style.color = '';
  return value;
}
