/**
 * Parsed JSON, or `undefined` when it is none (JSON itself has no `undefined`). The parser's error
 * is dropped, for it quotes the text.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
