import { SyntaxKind } from 'typescript/unstable/ast';
import { createScanner } from 'typescript/unstable/ast/scanner';

/** A name or a text of a file in a form that the word list can be compared with. */
export interface Phrase {
  readonly line: number;
  /** In lower case. A name is split into words. */
  readonly text: string;
  readonly isName: boolean;
}

/** `openDoor`, `OPEN_DOOR` and `open-door` become `open door`. */
export const wordsOf = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .replace(/[_\-./]+/g, ' ')
    .toLowerCase();

const TEXTS = new Set([
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateHead,
  SyntaxKind.TemplateMiddle,
  SyntaxKind.TemplateTail,
]);

/** After one of these tokens a slash divides; after any other it starts a regular expression. */
const OPERANDS = new Set([
  SyntaxKind.Identifier,
  SyntaxKind.NumericLiteral,
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateTail,
  SyntaxKind.RegularExpressionLiteral,
  SyntaxKind.CloseParenToken,
  SyntaxKind.CloseBracketToken,
  SyntaxKind.ThisKeyword,
]);

/**
 * The identifiers, strings and template texts of a TypeScript file. Comments, regular expressions
 * and the paths of imports are left out: the name of a file is checked at the file itself.
 */
export function phrasesOf(source: string): Phrase[] {
  const scanner = createScanner(true);
  scanner.setText(source);
  const phrases: Phrase[] = [];
  const starts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)];
  // For each open brace: does it belong to a `${…}` of a template?
  const braces: boolean[] = [];
  let line = 0;
  let previous: SyntaxKind = SyntaxKind.Unknown;
  let previousText = '';
  for (let token = scanner.scan(); token !== SyntaxKind.EndOfFile; token = scanner.scan()) {
    if (token === SyntaxKind.SlashToken || token === SyntaxKind.SlashEqualsToken) {
      if (!OPERANDS.has(previous)) token = scanner.reScanSlashToken();
    } else if (token === SyntaxKind.TemplateHead) braces.push(true);
    else if (token === SyntaxKind.OpenBraceToken) braces.push(false);
    else if (token === SyntaxKind.CloseBraceToken) {
      if (braces.at(-1)) token = scanner.reScanTemplateToken(false);
      if (token !== SyntaxKind.TemplateMiddle) braces.pop();
    }
    while ((starts[line + 1] ?? Number.POSITIVE_INFINITY) <= scanner.getTokenStart()) line += 1;
    const text = scanner.getTokenText();
    const isImport = previous === SyntaxKind.FromKeyword || /^(import|require)$/.test(previousText);
    const isBuiltIn = previousText === '.' && text === 'round';
    if (isBuiltIn) {
      // `Math.round` belongs to the language.
    } else if (token === SyntaxKind.Identifier || token === SyntaxKind.PrivateIdentifier)
      phrases.push({ line: line + 1, isName: true, text: wordsOf(text) });
    else if (TEXTS.has(token) && !isImport)
      phrases.push({ line: line + 1, ...textOf(scanner.getTokenValue()) });
    if (token !== SyntaxKind.OpenParenToken) previousText = text;
    previous = token;
  }
  return phrases;
}

/** A text of one word is a value or a key: it is split like a name. */
const textOf = (text: string): Pick<Phrase, 'isName' | 'text'> =>
  /\s/.test(text.trim()) || text.length === 0
    ? { isName: false, text: text.toLowerCase() }
    : { isName: true, text: wordsOf(text) };

/** The lines of a page in Markdown. */
export const textsOf = (page: string): Phrase[] =>
  page
    .split('\n')
    .map((text, index) => ({ line: index + 1, isName: false, text: text.toLowerCase() }));
