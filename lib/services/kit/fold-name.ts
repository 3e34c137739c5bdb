/**
 * Returns equal text for names that the usual collations of MySQL treat as equal: they ignore case,
 * accents and trailing spaces. A deletion of `KEY` by name therefore removes `key` (seen on Nova
 * 26).
 */
export const foldName = (name: string): string =>
  name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().trimEnd();
