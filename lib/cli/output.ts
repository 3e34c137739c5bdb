import Table from 'cli-table3';
import pc from 'picocolors';

/** Returns colors for a terminal, and no colors with NO_COLOR or for a file or pipe. */
export const createColors = (
  stream: { isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
) => pc.createColors(stream.isTTY === true && !environment.NO_COLOR);

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/**
 * Returns an aligned table without border lines. The columns in `numberColumns` are aligned right.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  numberColumns: readonly string[] = [],
): string {
  const grid = new Table({
    head: [...head],
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((name) => (numberColumns.includes(name) ? 'right' : 'left')),
  });
  grid.push(...rows.map((row) => row.map(String)));
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Returns the title with the lines below it, or an empty text if there are no lines. */
export const titledBlock = (title: string, lines: readonly string[]): string =>
  lines.length > 0 ? `${title}\n${lines.join('\n')}` : '';

/** Joins the blocks that are not empty, with an empty line between them. */
export const joinBlocks = (blocks: readonly string[]): string =>
  blocks.filter((block) => block !== '').join('\n\n');

/** A duration for a person: `42s`, `7m 3s`, `2h 5m`, `3d 4h`. */
export function durationText(millis: number): string {
  const seconds = Math.max(0, Math.round(millis / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/**
 * Time to the second in the local time zone: `2026-03-01T13:00:00+01:00`. In UTC it is
 * `…T12:00:00Z`, as in the logs. `offsetMinutes`: the offset of the zone, positive east of UTC.
 */
export function timeText(
  millis: number | undefined,
  offsetMinutes = -new Date(millis ?? 0).getTimezoneOffset(),
): string {
  if (millis === undefined) return '-';
  const [hour, minute] = [
    Math.floor(Math.abs(offsetMinutes) / 60),
    Math.abs(offsetMinutes) % 60,
  ].map((part) => String(part).padStart(2, '0'));
  const zone = offsetMinutes === 0 ? 'Z' : `${offsetMinutes < 0 ? '-' : '+'}${hour}:${minute}`;
  return new Date(millis + offsetMinutes * 60_000).toISOString().replace(/\.\d+Z$/, zone);
}

/** Returns a word for a command line that a person copies, in quotes if a shell would change it. */
export const quoteWord = (word: string): string =>
  /^[\w.:@/+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

const LINE_WIDTH = 80;

/**
 * Wraps text at 80 columns. The first line begins with `firstIndent`, every other line with
 * `restIndent`. A long word, such as an id or a URL, is not broken.
 */
export function wrapText(text: string, firstIndent: string, restIndent = firstIndent): string {
  const lines: string[] = [];
  let line = firstIndent;
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    const isLineStart = line === firstIndent || line === restIndent;
    if (!isLineStart && line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(line);
      line = `${restIndent}${word}`;
    } else line += isLineStart ? word : ` ${word}`;
  }
  return [...lines, line].join('\n');
}

/**
 * Returns a function that replaces its earlier output on a terminal. It draws no more lines than
 * the screen has, because lines above the screen cannot be replaced.
 */
export function createRedraw(stream: {
  readonly rows?: number;
  readonly columns?: number;
  write(text: string): unknown;
}): (text: string) => void {
  let drawnLines = 0;
  return (text) => {
    // A terminal of unknown size (a serial line, `script`) reports 0 columns or rows.
    const [rows, columns] = [stream.rows || 24, stream.columns || 80];
    const lines = text.split('\n').slice(0, rows - 2);
    const cursorUp = drawnLines > 0 ? `\u001b[${drawnLines}A` : '';
    // Each line is cut, so that the terminal wraps no line and the number of lines is known.
    const body = lines.map((line) => `\u001b[2K${cutToWidth(line, columns - 1)}\n`).join('');
    stream.write(`${cursorUp}${body}\u001b[J`);
    drawnLines = lines.length;
  };
}

/** Cuts a line to a width. The sequences that set colors are kept, because they have no width. */
function cutToWidth(line: string, width: number): string {
  let remainingWidth = width;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ESC begins the sequences for colors.
  return line.replace(/\u001b\[[\d;]*m|[\s\S]/gu, (part) => {
    const isColorSequence = part.length > 2;
    if (isColorSequence) return part;
    remainingWidth -= 1;
    return remainingWidth >= 0 ? part : '';
  });
}
