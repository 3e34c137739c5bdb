import { redactText } from './redaction.ts';

/** Longest foreign text that is read. The rest is dropped, not searched for secrets. */
const MAX_READ = 20_000;
/**
 * Control characters (also those of terminals), zero-width characters and characters that change
 * the text direction: they could make a terminal or a reader show different text.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]+/gu;

/**
 * Text of another program on one line for storage and display: without secrets and control
 * characters, at most `max` characters. `secrets`: values that are redacted everywhere.
 */
export function plainText(text: string, max: number, secrets: readonly string[] = []): string {
  let line = text.slice(0, MAX_READ);
  for (const secret of secrets) if (secret) line = line.replaceAll(secret, '***');
  // Redact before and after, because a secret may span several lines or contain an invisible
  // character.
  line = redactText(redactText(line).replace(UNPRINTABLE, ' ').replace(/\s+/g, ' ').trim());
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
