/**
 * Folds a name as the usual collations of MySQL compare names: without case, accents and trailing
 * spaces. A deletion of `KEY` by name removes `key` (seen on Nova 26).
 */
export const foldName = (name: string): string =>
  name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().trimEnd();
