import {
  type DocumentOptions,
  type ParseOptions,
  parseDocument,
  type SchemaOptions,
  type TagId,
  type Tags,
} from 'yaml';

type Tag = Exclude<Tags[number], TagId>;

/** The parsed value of every YAML 1.1 date. No field of clouds.yaml accepts a date. */
export const YAML_DATE = Symbol('date');

const INTEGER = /^[-+]?(0b[01_]+|0x[\da-fA-F_]+|0[0-7_]+|0|[1-9][\d_]*|[1-9][\d_]*(:[0-5]?\d)+)$/;
const anyPatternOf = (alternatives: readonly RegExp[], flags = ''): RegExp =>
  new RegExp(`^(?:${alternatives.map(({ source }) => source).join('|')})$`, flags);
const FLOAT = anyPatternOf(
  [
    /[-+]?\d[\d_]*\.[\d_]*(e[-+]\d+)?/,
    /\.\d[\d_]*(e[-+]\d+)?/,
    /[-+]?\d[\d_]*(:[0-5]?\d)+\.[\d_]*/,
    /[-+]?\.inf/,
    /\.nan/,
  ],
  'i',
);
const DATE = anyPatternOf([
  /\d{4}-\d\d-\d\d/,
  /\d{4}-\d\d?-\d\d?([Tt]|[ \t]+)\d\d?:\d\d:\d\d(\.\d*)?([ \t]*(Z|[-+]\d\d?(:\d\d)?))?/,
]);

/**
 * Reads scalars without quotes like PyYAML, the parser of openstacksdk: `1e3` and `0o17` are text,
 * `0755` is octal, and `12:30` is a number to base 60. Numbers are returned as text in
 * Python's notation, because openstacksdk converts numbers to text before use.
 */
const SCALARS: Tag[] = [
  {
    tag: 'tag:yaml.org,2002:bool',
    default: true,
    test: /^(yes|Yes|YES|true|True|TRUE|on|On|ON|no|No|NO|false|False|FALSE|off|Off|OFF)$/,
    resolve: (text) => /^(yes|true|on)$/i.test(text),
  },
  { tag: 'tag:yaml.org,2002:int', default: true, test: INTEGER, resolve: pythonInteger },
  { tag: 'tag:yaml.org,2002:float', default: true, test: FLOAT, resolve: pythonFloat },
  { tag: 'tag:yaml.org,2002:timestamp', default: true, test: DATE, resolve: () => YAML_DATE },
];
/** The tags that the package `yaml` reads as PyYAML does. {@link SCALARS} replaces the others. */
const KEPT_TAGS = /:(map|seq|str|null|merge)$/;

const PARSE_OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  merge: true,
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'error',
  customTags: (tags) => [
    ...tags.filter((tag) => typeof tag !== 'string' && KEPT_TAGS.test(tag.tag)),
    ...SCALARS,
  ],
};

/**
 * Parses YAML or JSON like openstacksdk. The last duplicate of a key counts, merge keys (`<<`)
 * apply, and keys that are not text are dropped. Returns `undefined` for an empty file. Throws on
 * invalid text; the error may quote the text.
 */
export function parseYaml(text: string): unknown {
  const document = parseDocument(text, PARSE_OPTIONS);
  const [error] = document.errors;
  if (error) throw error;
  return toPlainObjects(document.toJS({ mapAsMap: true })) ?? undefined;
}

function toPlainObjects(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toPlainObjects);
  if (!(value instanceof Map)) return value;
  const entries = [...value].filter(([key]) => typeof key === 'string');
  return Object.fromEntries(entries.map(([key, content]) => [key, toPlainObjects(content)]));
}

function pythonInteger(text: string): string {
  const digits = text.replace(/[-+_]/g, '');
  const sign = text.startsWith('-') ? -1n : 1n;
  if (digits.includes(':'))
    return String(sign * digits.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n));
  const octal = /^0\d/.test(digits);
  return String(sign * BigInt(octal ? `0o${digits.slice(1)}` : digits));
}

function pythonFloat(text: string): string {
  const digits = text.toLowerCase().replace(/_|^[-+]/g, '');
  const sign = text.startsWith('-') ? -1 : 1;
  if (digits === '.nan') return 'nan';
  if (digits === '.inf') return sign < 0 ? '-inf' : 'inf';
  const number = sign * digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  const magnitude = Math.abs(number);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16))
    return number.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
  return Number.isInteger(number) ? `${number}.0` : String(number);
}
