/**
 * Names of fields whose values are nobody's business: oslo.messaging puts the caller's token into
 * what some services send.
 */
const NAMES =
  'passw(?:or)?d|passphrase|admin_?pass|secret|token|credential|authorization|cookie|signature|_sig(?![a-z])|api_?key|private_?key';
const MARK = '[cut out]';
/**
 * Real names are short; without a bound, a long text of such names would take the square of its
 * length.
 */
const named = (among: string): string => `${among}{0,60}(?:${NAMES})${among}{0,60}`;

/**
 * `"name": "value"` at any depth of JSON within JSON: as many backslashes stand before each quote.
 * The same as Python writes it:
 * `'name': u'value'`. A value that is cut off counts, too, and so does a whole structure, with all
 * that follows it.
 */
const FIELD = new RegExp(
  String.raw`(?<!\\)(?<quote>\\*["'])(?<name>${named(String.raw`[^"'\\]`)})\k<quote>\s{0,20}[:=]\s{0,20}` +
    String.raw`(?:[bu]?(?<open>\\*["'])(?:.*?(?<!\\)\k<open>|.*$)|[{[(].*$|-?\d[\w.+-]*)`,
  'gis',
);
/** Where a word begins; behind the `\n` of JSON text one does, too. */
const WORD = String.raw`(?<=^|[^\w-]|\\[nrt])`;
const HEADERS =
  'x-[a-z-]{0,40}(?:token|key|signature|secret)|(?:proxy-)?authorization|(?:set-)?cookie';
/**
 * Before a colon, as YAML has it, stand words of sentences, too: `Could not find token: …`. These
 * are none.
 */
const NO_WORDS =
  'passw(?:or)?d|passphrase|adminpass|[_-]secret|secret_?(?:access_?)?key|secret_?string|' +
  '(?:auth|session|security|access|refresh|id)_?token|api_?key|private_?key';
const UNMARKED = String.raw`(?!\[cut out)`;
/** What is a secret in text, each with what is left of it. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:.*?-----END [A-Z ]{0,30}PRIVATE KEY-----|.*$)/gs,
    MARK,
  ],
  // A header as `curl -v`, a proxy or the canonical request of AWS shows it: to the end of its
  // line, or of the text that it stands in.
  [new RegExp(String.raw`${WORD}((?:${HEADERS})\s{0,20}[:=])[^\r\n"'\\]+`, 'gim'), `$1 ${MARK}`],
  [
    new RegExp(
      String.raw`${WORD}(${named(String.raw`[\w-]`)}\s{0,20}=\s{0,20})${UNMARKED}(?:"[^"]*"?|'[^']*'?|[^\s&,;"'\\]+)`,
      'gi',
    ),
    `$1${MARK}`,
  ],
  [
    new RegExp(
      String.raw`${WORD}([\w-]{0,60}(?:${NO_WORDS})\s{0,20}:\s{0,20})${UNMARKED}[^\s,;"'\\]+`,
      'gi',
    ),
    `$1${MARK}`,
  ],
  [/([a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@"']{0,200}:)[^\s/@"']{1,200}@/gi, `$1${MARK}@`],
  // In a sentence: "the password is s3cr3t", "with token 4f1b2c". Only what has letters and digits.
  [
    new RegExp(
      String.raw`${WORD}((?:${NO_WORDS}|secret|token|credentials?)(?:\s+(?:is|was|of|for|value|used))?[\s:=]+["'\x60]?)${UNMARKED}(?=[^\s"'\x60]*\d)(?=[^\s"'\x60]*[a-z])[^\s,;"'\x60]{6,200}`,
      'gi',
    ),
    `$1${MARK}`,
  ],
  // Fernet tokens of Keystone, and JSON Web Tokens.
  [new RegExp(String.raw`${WORD}gAAAA[\w-]{16,}={0,2}`, 'g'), MARK],
  [new RegExp(String.raw`${WORD}eyJ[\w-]{10,}\.[\w-]{4,}\.[\w-]*`, 'g'), MARK],
];

/**
 * Text that somebody else wrote, JSON or what once was, with what is a secret by its name or by its
 * shape cut out. The same text again when nothing is left to be cut.
 */
export function redactText(text: string): string {
  const fields = text.replace(FIELD, `$<quote>$<name>$<quote>: $<quote>${MARK}$<quote>`);
  return SHAPES.reduce((cut, [shape, left]) => cut.replace(shape, left), fields);
}

/** Fields of a log line whose values are cut out whatever they are, should one ever appear. */
export const SECRET_FIELDS: readonly string[] = [
  'password',
  'secret',
  'token',
  'authorization',
  'headers',
  'env',
  'url',
];

/**
 * A value of our own making, each text in it without secrets. Its fields stay what they are,
 * whatever they are called: `barbican.secret` is a resource type, and its count is none.
 */
export function redactDeep<T>(value: T): T;
export function redactDeep(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map((one) => redactDeep(one));
  // What is more than data, an error for example, knows itself how it is shown.
  if (!isData(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, redactDeep(inner)]),
  );
}

function isData(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const made: unknown = Object.getPrototypeOf(value);
  return made === null || Object.getPrototypeOf(made) === null;
}
