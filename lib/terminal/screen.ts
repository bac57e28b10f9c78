/**
 * A page that is shown again and again.
 *
 * On a terminal it is redrawn in place: only lines that have changed are written, in one synchronized update, with the
 * cursor hidden meanwhile. In a pipe each page follows the last one after a blank line, without escape codes. However
 * it ends, the cursor is shown again and the last page stays on the screen.
 */
import { stripVTControlCharacters } from 'node:util';
import type { PageStyle } from './line.ts';
import { columnsOf, type Paint, plain } from './text.ts';

/** A page as lines, none wider than the style's columns. */
export type Render = (style: PageStyle) => string[];

export interface Screen {
  show(page: Render): void;
  end(): void;
}

const SHOW_CURSOR = '\u001b[?25h';
const HIDE_CURSOR = '\u001b[?25l';
const ERASE_BELOW = '\u001b[J';

export async function screenFor(stream: NodeJS.WriteStream, paint: Paint): Promise<Screen> {
  return stream.isTTY ? terminalScreen(stream, paint) : pipeScreen(stream);
}

function pipeScreen(stream: NodeJS.WriteStream): Screen {
  let isFirst = true;
  return {
    show(page) {
      const lines = page({ paint: plain, columns: Number.POSITIVE_INFINITY });
      stream.write(`${isFirst ? '' : '\n'}${lines.join('\n')}\n`);
      isFirst = false;
    },
    end() {},
  };
}

async function terminalScreen(stream: NodeJS.WriteStream, paint: Paint): Promise<Screen> {
  // Loading it costs a third of a start: only those pay that look at a terminal.
  const { createLogUpdate } = await import('log-update');
  // It would write its cursor commands to stderr, which may be elsewhere.
  const update = createLogUpdate(stream, { showCursor: true });
  let last: { page: Render; widths: number[] } | undefined;
  const draw = (page: Render): void => {
    // The last row is the cursor's; what does not fit below is left out rather than scrolled.
    const lines = page({ paint, columns: stream.columns }).slice(0, Math.max(1, stream.rows - 1));
    update(lines.join('\n'));
    last = { page, widths: lines.map((line) => columnsOf(stripVTControlCharacters(line))) };
  };
  /** A narrower terminal has broken the old lines into more rows than were written: go up over all of them. */
  const redraw = (): void => {
    if (!last) return;
    const rows = last.widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / stream.columns)), 0);
    stream.write(`\r\u001b[${Math.min(rows, stream.rows)}A${ERASE_BELOW}`);
    update.done();
    draw(last.page);
  };
  const restore = (): void => {
    stream.write(SHOW_CURSOR);
  };
  stream.write(HIDE_CURSOR);
  stream.on('resize', redraw);
  process.on('exit', restore);
  return {
    show: draw,
    end() {
      // Over the ^C that the terminal has echoed.
      stream.write(`\r${ERASE_BELOW}`);
      stream.off('resize', redraw);
      process.off('exit', restore);
      update.done();
      restore();
    },
  };
}
