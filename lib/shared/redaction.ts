/**
 * Names of secret fields. oslo.messaging puts the caller's token into notifications of some
 * services.
 */
const SECRET_NAMES =
  'passw(?:or)?d|passphrase|admin_?pass|secret|token|credential|authorization|cookie|' +
  'signature|_sig(?![a-z])|api_?key|private_?key';
const REDACTED = '[redacted]';
/**
 * Returns a pattern for a name that contains a secret name between other `characters`. The number
 * of these characters is limited, because a match in a long text would otherwise take quadratic
 * time.
 */
const secretNameBetween = (characters: string): string =>
  `${characters}{0,60}(?:${SECRET_NAMES})${characters}{0,60}`;

/**
 * Matches `"name": "value"` in JSON and in JSON inside JSON strings, where backslashes precede each
 * quote. It also matches Python's form `'name': u'value'` and truncated values. If
 * the value is an object or a list, the match extends to the end of the text.
 */
const SECRET_FIELD_PATTERN = new RegExp(
  String.raw`(?<!\\)(?<quote>\\*["'])(?<name>${secretNameBetween(String.raw`[^"'\\]`)})\k<quote>` +
    String.raw`\s{0,20}[:=]\s{0,20}` +
    String.raw`(?:[bu]?(?<open>\\*["'])(?:.*?(?<!\\)\k<open>|.*$)|[{[(].*$|-?\d[\w.+-]*)`,
  'gis',
);
/**
 * Matches the start of a word. In JSON text, a word may also start after an escape such as `\n`.
 */
const WORD_START = String.raw`(?<=^|[^\w-]|\\[nrt])`;
const SECRET_HEADERS =
  'x-[a-z-]{0,40}(?:token|key|signature|secret)|(?:proxy-)?authorization|(?:set-)?cookie';
/**
 * Names of secrets before a colon (YAML). This list is shorter than `SECRET_NAMES`, because
 * ordinary words also occur before a colon (`Could not find token: …`).
 */
const NAMES_BEFORE_COLON =
  'passw(?:or)?d|passphrase|adminpass|[_-]secret|secret_?(?:access_?)?key|secret_?string|' +
  '(?:auth|session|security|access|refresh|id)_?token|api_?key|private_?key';
const NOT_YET_REDACTED = String.raw`(?!\[redacted)`;
/** Patterns of secrets in text, each with its replacement. */
const SECRET_PATTERNS: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:.*?-----END [A-Z ]{0,30}PRIVATE KEY-----|.*$)/gs,
    REDACTED,
  ],
  // A header as in `curl -v`, proxy logs or AWS's canonical request. The value ends at the end of
  // the line or of the enclosing string.
  [
    new RegExp(String.raw`${WORD_START}((?:${SECRET_HEADERS})\s{0,20}[:=])[^\r\n"'\\]+`, 'gim'),
    `$1 ${REDACTED}`,
  ],
  [
    new RegExp(
      String.raw`${WORD_START}(${secretNameBetween(String.raw`[\w-]`)}\s{0,20}=\s{0,20})` +
        String.raw`${NOT_YET_REDACTED}(?:"[^"]*"?|'[^']*'?|[^\s&,;"'\\]+)`,
      'gi',
    ),
    `$1${REDACTED}`,
  ],
  [
    new RegExp(
      String.raw`${WORD_START}([\w-]{0,60}(?:${NAMES_BEFORE_COLON})\s{0,20}:\s{0,20})` +
        String.raw`${NOT_YET_REDACTED}[^\s,;"'\\]+`,
      'gi',
    ),
    `$1${REDACTED}`,
  ],
  [/([a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@"']{0,200}:)[^\s/@"']{1,200}@/gi, `$1${REDACTED}@`],
  // In a sentence: "the password is s3cr3t", "with token 4f1b2c". The value must contain letters
  // and digits.
  [
    new RegExp(
      `${WORD_START}((?:${NAMES_BEFORE_COLON}|secret|token|credentials?)` +
        String.raw`(?:\s+(?:is|was|of|for|value|used))?[\s:=]+["'\x60]?)${NOT_YET_REDACTED}` +
        String.raw`(?=[^\s"'\x60]*\d)(?=[^\s"'\x60]*[a-z])[^\s,;"'\x60]{6,200}`,
      'gi',
    ),
    `$1${REDACTED}`,
  ],
  // Fernet tokens of Keystone, and JSON Web Tokens.
  [new RegExp(String.raw`${WORD_START}gAAAA[\w-]{16,}={0,2}`, 'g'), REDACTED],
  [new RegExp(String.raw`${WORD_START}eyJ[\w-]{10,}\.[\w-]{4,}\.[\w-]*`, 'g'), REDACTED],
];

/**
 * Redacts secrets in text of any form, even in truncated text. Secrets are recognized by name or by
 * form. The function is idempotent.
 */
export function redactText(text: string): string {
  const withoutFields = text.replace(
    SECRET_FIELD_PATTERN,
    `$<quote>$<name>$<quote>: $<quote>${REDACTED}$<quote>`,
  );
  return SECRET_PATTERNS.reduce(
    (redacted, [pattern, replacement]) => redacted.replace(pattern, replacement),
    withoutFields,
  );
}

/** Log fields whose values are always redacted. */
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
 * Redacts secrets in every string of a value that this project created. The names of fields do not
 * decide: the field `barbican.secret`, a resource type with a count, keeps its value.
 */
export function redactDeep<T>(value: T): T;
export function redactDeep(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map((one) => redactDeep(one));
  // Objects that are not plain data, for example errors, define their own representation.
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, redactDeep(inner)]),
  );
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
