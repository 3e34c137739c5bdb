/**
 * Texts that may have a replaced word, because the word has another meaning there. `phrase` is
 * compared with the whole name or text, in lower case.
 */
export const EXCEPTIONS: readonly {
  readonly paths: RegExp;
  readonly phrase: RegExp;
  readonly reason: string;
}[] = [
  {
    paths: /^test\/(glossary\/|unit\/glossary)/,
    phrase: /./,
    reason: 'the word list and its test',
  },
  {
    paths: /./,
    phrase: /\b(small|capital|lower-case|upper-case) letters?\b/,
    reason: 'letters of the alphabet',
  },
  {
    paths: /^lib\/shared\/redaction\.ts$/,
    phrase: /passphrase/,
    reason: 'a part of the pattern for names of secret fields',
  },
  {
    paths: /^lib\/shared\/settings\.ts$/,
    phrase: /^propagator (patience|most things)$/,
    reason: 'settings of earlier versions, which are refused with the present name',
  },
  { paths: /^(test|infra)\//, phrase: /^iam:pass role$/, reason: 'an action of IAM' },
  { paths: /^test\/cloud\/nova/, phrase: /^admin pass$/, reason: 'a field of the API of Nova' },
  {
    paths: /^test\/unit\/shared\/secrets/,
    phrase: /"admin pass"/,
    reason: 'a field of the API of Nova',
  },
  {
    paths: /^test\/openstack\/populate\//,
    phrase: /^round robin$/,
    reason: 'an algorithm of Octavia',
  },
];
