/**
 * Control characters, invisible characters, characters that change the direction of text, and an
 * empty braille pattern.
 */
const HIDDEN =
  /[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\u2028\u2029\u2800\ufff9-\ufffb]/gu;

/**
 * Replaces every hidden character by its code, for example `\u202e`, so that a name cannot look
 * like another name. A line break becomes a space.
 */
export const visible = (text: string): string =>
  text.replace(/\r?\n/g, ' ').replace(HIDDEN, (one) => {
    const code = one.codePointAt(0)?.toString(16) ?? '';
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });

/** A duration for a person, as the commands print it: `42s`, `7m 3s`, `2h 5m`, `3d 4h`. */
export function durationText(millis: number): string {
  const seconds = Math.max(0, Math.round(millis / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** A time in UTC, as in the log: `2026-03-01 12:00:00Z`. */
export const timeText = (millis: number | undefined): string =>
  millis === undefined || !Number.isFinite(millis) || Math.abs(millis) > 8.64e15
    ? '-'
    : new Date(millis)
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z');

/** A number with spaces between groups of three digits: `12 345`. */
export const numberText = (value: number): string =>
  String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');

/** A text with a capital letter at its start. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `1 resource`, `2 resources`. */
export const countWithNoun = (value: number, noun: string): string =>
  `${numberText(value)} ${noun}${value === 1 ? '' : 's'}`;

/** The removed share of the found resources, from 0 to 1; `undefined` if none were found. */
export const doneShare = ({
  found,
  left,
}: {
  readonly found: number;
  readonly left: number;
}): number | undefined =>
  found <= 0 ? undefined : Math.max(0, Math.min(1, (found - left) / found));

/** Adds up counts. */
export const sumCounts = (
  counts: Iterable<{ readonly found: number; readonly removed: number; readonly left: number }>,
) => {
  let [found, removed, left] = [0, 0, 0];
  for (const one of counts) {
    found += one.found;
    removed += one.removed;
    left += one.left;
  }
  return { found, removed, left };
};
