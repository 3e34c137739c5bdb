import { redactText } from './redaction.ts';

/** Maximum number of characters that are read from a text. The rest is dropped. */
const MAX_READ_CHARACTERS = 20_000;
/**
 * Control characters (including terminal sequences), zero-width characters and characters that
 * change the text direction. With these characters, a terminal or a viewer could show a different
 * text.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]+/gu;

/**
 * Turns text of another program into one line of at most `max` characters, for storage and display.
 * Removes secrets and control characters. `secrets` are values that are always redacted.
 */
export function plainText(text: string, max: number, secrets: readonly string[] = []): string {
  let line = text.slice(0, MAX_READ_CHARACTERS);
  for (const secret of secrets) if (secret) line = line.replaceAll(secret, '***');
  // Redact before and after the characters are replaced, because a secret may span several lines or
  // contain an invisible character.
  line = redactText(redactText(line).replace(UNPRINTABLE, ' ').replace(/\s+/g, ' ').trim());
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
