import Table from 'cli-table3';
import pc from 'picocolors';

/** Colour only where somebody looks: on a terminal, and not with NO_COLOR. */
export const colours = (stream: { isTTY?: boolean }, environment: Readonly<Record<string, string | undefined>>) =>
  pc.createColors(stream.isTTY === true && !environment.NO_COLOR);

const NO_LINES = {
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

/** An aligned table without lines; columns named in `right` are numbers. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[], right: readonly string[] = []): string {
  const grid = new Table({
    head: [...head],
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((name) => (right.includes(name) ? 'right' : 'left')),
  });
  grid.push(...rows.map((row) => row.map(String)));
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** `42s`, `7m 3s`, `2h 5m`, `3d 4h`: how long, for a person. */
export function duration(millis: number): string {
  const seconds = Math.max(0, Math.round(millis / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** UTC to the second; everybody's logs agree on it. */
export const time = (millis: number | undefined): string =>
  millis === undefined ? '-' : new Date(millis).toISOString().replace(/\.\d+Z$/, 'Z');
