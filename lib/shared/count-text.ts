/**
 * Returns a number with its noun.
 *
 * @example
 * countText(1, 'message'); // '1 message'
 * countText(2, 'entry', 'entries'); // '2 entries'
 */
export const countText = (count: number, singular: string, plural = `${singular}s`): string =>
  `${count} ${count === 1 ? singular : plural}`;
