import { type Command, InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';
import { table } from './output.ts';
import { type Terminal, UsageError } from './terminal.ts';

const FORMATS = ['table', 'json', 'yaml', 'value'] as const;
type Format = (typeof FORMATS)[number];

/** The output options of every command, as in openstackclient. */
export interface OutputOptions {
  format?: Format | undefined;
  json?: boolean | undefined;
  column?: string[] | undefined;
}

/** A value of a column; `undefined` is an empty cell. */
type Cell = string | number | boolean | undefined;

/** How a command's result is printed. */
export interface Presentation<Answer, Row> {
  /** Returns the text of the format `table`. */
  text(answer: Answer): string;
  rows(answer: Answer): readonly Row[];
  /**
   * The columns that `-c` can select, in the order in which `-f value` prints them. If a single
   * object has no columns here, each of its fields is a column.
   */
  readonly columns: Readonly<Record<string, (row: Row) => Cell>>;
  /** Set if the result is one object, not a list. `-f json -c COLUMN` then prints an object. */
  readonly isSingle?: true;
}

/** Adds `-f`, `-c` and `--json` to a command, and an example to its help. */
export function withOutputOptions(command: Command, example: string): Command {
  return command
    .option('-f, --format <format>', `${FORMATS.join(', ')} (default: table)`, (value): Format => {
      const format = FORMATS.find((one) => one === value);
      if (!format) throw new InvalidArgumentError(`one of ${FORMATS.join(', ')}`);
      return format;
    })
    .option('-c, --column <column>', 'print only this column; may be repeated', collectColumns)
    .option('--json', 'the same as -f json')
    .addHelpText('after', `\nExample:\n  propagator ${example}`);
}

const collectColumns = (value: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  value,
];

/** Prints the result in the selected format. Throws {@link UsageError} for an unknown column. */
export function present<Answer extends object, Row>(
  terminal: Terminal,
  answer: Answer,
  { format, json, column = [] }: OutputOptions,
  presentation: Presentation<Answer, Row>,
): void {
  const printedFormat = json ? 'json' : (format ?? 'table');
  const text =
    column.length === 0 && printedFormat !== 'value'
      ? wholeAnswerText(answer, printedFormat, presentation)
      : selectedColumnsText(answer, printedFormat, column, presentation);
  if (text !== '') terminal.write(`${text}\n`);
}

/** Prints a result that is one object, with each field as a column. `text`: for format `table`. */
export const presentResult = <Answer extends object>(
  terminal: Terminal,
  answer: Answer,
  options: OutputOptions,
  text: (answer: Answer) => string,
): void =>
  present(terminal, answer, options, { text, rows: () => [answer], columns: {}, isSingle: true });

function wholeAnswerText<Answer extends object, Row>(
  answer: Answer,
  format: 'table' | 'json' | 'yaml',
  { text }: Presentation<Answer, Row>,
): string {
  if (format === 'table') return text(withoutControlCharacters(answer));
  return format === 'json' ? toJson(answer) : toYaml(answer);
}

function selectedColumnsText<Answer extends object, Row>(
  answer: Answer,
  format: Format,
  columns: readonly string[],
  presentation: Presentation<Answer, Row>,
): string {
  const { isSingle } = presentation;
  const { head, rows } = selectCells(answer, columns, presentation);
  if (format === 'json' || format === 'yaml') {
    const objects = rows.map((row) =>
      Object.fromEntries(head.map((name, index) => [name, row[index] ?? null])),
    );
    const document = isSingle ? objects[0] : objects;
    return format === 'json' ? toJson(document) : toYaml(document);
  }
  const cells = rows.map((row) => row.map((cell) => withoutControlCharacters(String(cell ?? ''))));
  if (format === 'table') return table(head, cells);
  // As in openstackclient, a list has one line per row, and a single object has one line per value.
  return cells.map((row) => row.join(isSingle ? '\n' : ' ')).join('\n');
}

/** Returns the selected columns: their names, and the cells of each row. */
function selectCells<Answer extends object, Row>(
  answer: Answer,
  selection: readonly string[],
  { rows, columns, isSingle }: Presentation<Answer, Row>,
): { head: string[]; rows: Cell[][] } {
  const cellReaders: Readonly<Record<string, (row: Row) => Cell>> = columns;
  if (isSingle && Object.keys(cellReaders).length === 0) {
    const fields = new Map(Object.entries(answer).map(([name, value]) => [name, toCell(value)]));
    const head = selectedNames(selection, [...fields.keys()]);
    return { head, rows: [head.map((name) => fields.get(name))] };
  }
  const head = selectedNames(selection, Object.keys(cellReaders));
  return { head, rows: rows(answer).map((row) => head.map((name) => cellReaders[name]?.(row))) };
}

const toCell = (value: unknown): Cell =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : value === undefined || value === null
      ? undefined
      : JSON.stringify(value);

/** Returns the names of the columns in `selection`. Upper and lower case do not matter. */
function selectedNames(selection: readonly string[], names: readonly string[]): string[] {
  if (selection.length === 0) return [...names];
  return selection.map((word) => {
    const name = names.find((one) => one.toLowerCase() === word.toLowerCase());
    if (name === undefined)
      throw new UsageError(`there is no column ${word}; the columns are ${names.join(', ')}`);
    return name;
  });
}

/** Also escapes the control characters that `JSON.stringify` leaves: a terminal acts on them. */
const toJson = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replace(CONTROLS_LEFT_BY_JSON, jsonEscape);
const toYaml = (value: unknown): string => stringify(value).trimEnd();

/**
 * Returns the value with escapes in place of the control characters of its texts. Text from outside
 * must not move the cursor or set colors.
 */
export function withoutControlCharacters<T>(value: T): T;
export function withoutControlCharacters(value: unknown): unknown {
  if (typeof value === 'string') return escapeControls(value);
  if (Array.isArray(value)) return value.map((one) => withoutControlCharacters(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, withoutControlCharacters(inner)]),
  );
}
/**
 * Control characters, line ends and characters that change the text direction. In an id or a name,
 * these characters could make one account look like another.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must be escaped.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const CONTROLS_LEFT_BY_JSON = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const jsonEscape = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * Returns text from outside for a terminal. The escapes `\n`, `\t` and `\u{9b}` replace its control
 * characters.
 */
export const escapeControls = (text: string): string =>
  text.replace(CONTROLS, (character) => {
    if (character === '\n') return '\\n';
    return character === '\t' ? '\\t' : `\\u{${character.charCodeAt(0).toString(16)}}`;
  });
