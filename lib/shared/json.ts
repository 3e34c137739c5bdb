/**
 * Returns parsed JSON, or `undefined` for other text. The parser's error is dropped, because it
 * contains a part of the text.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
