import { redactText } from './redaction.ts';

/** Longest text of others that is read at all; the rest of a body is not searched for secrets. */
const MAX_READ = 20_000;
/**
 * Control characters (also those of terminals), characters without a width and characters that
 * change the direction of a line: they could make a terminal or a reader see another text.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]+/gu;

/**
 * Text of another program on one line, to be stored and shown: without secrets, without control
 * characters, at most `max` characters long. `secrets`: values that are cut out wherever they are.
 */
export function plainText(text: string, max: number, secrets: readonly string[] = []): string {
  let line = text.slice(0, MAX_READ);
  for (const secret of secrets) if (secret) line = line.replaceAll(secret, '***');
  // Before and after: a secret may stand on several lines, or be cut by an invisible character.
  line = redactText(redactText(line).replace(UNPRINTABLE, ' ').replace(/\s+/g, ' ').trim());
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
