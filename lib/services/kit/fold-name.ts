/**
 * Returns the same text for names that MySQL treats as equal. With its usual collations, MySQL
 * ignores case, accents and trailing spaces. A deletion of `KEY` by name therefore removes `key`
 * (seen on Nova 26).
 */
export const foldName = (name: string): string =>
  name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().trimEnd();
