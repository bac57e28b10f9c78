/** A bash in a tmux of the test's own, for what a page looks like on a real terminal. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Project } from './project.ts';
import { unless } from './queue.ts';

export interface Terminal {
  keys(...keys: string[]): void;
  resize(columns: number, rows: number): void;
  /** The screen's lines, without trailing blank ones; `escapes` keeps colours. */
  screen(escapes?: boolean): string[];
  /** 1 when the cursor is visible. */
  cursor(): string;
}

/** Runs `work` with a bash in a tmux of the test's own. */
export async function inTerminal(
  self: Project,
  env: Record<string, string>,
  work: (shell: Terminal) => Promise<void>,
): Promise<void> {
  // A socket's path is limited to about 100 bytes.
  const directory = mkdtempSync(join(tmpdir(), 'hookspool-tmux-'));
  const tmux = (...args: string[]): string => {
    const base = ['-S', join(directory, 's'), '-f', '/dev/null'];
    const {
      status: code,
      stdout,
      stderr,
    } = spawnSync('tmux', [...base, ...args], {
      encoding: 'utf8',
      cwd: self.dir,
      env: { ...self.env, LC_ALL: 'C.UTF-8', TERM: 'screen-256color', ...env },
    });
    assert.equal(code, 0, `tmux ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  try {
    tmux('new-session', '-d', '-x', '100', '-y', '45', "env PS1='> ' bash --norc --noprofile");
    await work({
      keys: (...keys) => void tmux('send-keys', ...keys),
      resize: (columns, rows) => void tmux('resize-window', '-x', String(columns), '-y', String(rows)),
      screen: (escapes = false) =>
        tmux('capture-pane', '-p', ...(escapes ? ['-e'] : []))
          .trimEnd()
          .split('\n'),
      cursor: () => tmux('display-message', '-p', '#{cursor_flag}').trim(),
    });
  } finally {
    spawnSync('tmux', ['-S', join(directory, 's'), 'kill-server']);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A skip reason. */
export const noTmux = unless('tmux', ['-V'], 'tmux');
