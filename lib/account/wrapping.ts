import * as z from 'zod';
import { parseJson } from './json.ts';

/** An envelope 2.0 of oslo.messaging has these two keys. */
const Envelope = z.looseObject({ 'oslo.version': z.string(), 'oslo.message': z.string() });
const Notification = z.looseObject({ event_type: z.string(), payload: z.unknown() });

/** The step of a path from a text to the JSON in this text. */
const JSON_TEXT = 'JSON text';
/** The depth to which a body is searched for a nested notification. */
const MAX_NESTING = 4;
/** The number of fields of an object, or of items of a list, that are searched. */
const MAX_FIELDS = 50;

/**
 * Searches a body for a complete notification that is nested in it. Returns a text for the operator
 * that names its place, or `undefined` if there is none. `body` is the JSON without its envelope,
 * if it had one. A nested notification is not interpreted, because only the sender knows whether
 * the nesting was intended.
 */
export function wrappingOf(body: unknown, hasEnvelope: boolean): string | undefined {
  const path = hasEnvelope ? ['oslo.message'] : [];
  return search(body, path, 0);
}

function search(value: unknown, path: readonly string[], depth: number): string | undefined {
  if (typeof value === 'string') return searchText(value, path, depth);
  if (!isObject(value) || depth > MAX_NESTING) return undefined;
  // The body itself is not nested. If it has the form of a notification, its fields are invalid.
  const isBody = depth === 0 && path.at(-1) !== JSON_TEXT;
  if (Envelope.safeParse(value).success) return wrappedTwice('envelope of oslo.messaging', path);
  if (!isBody && Notification.safeParse(value).success) return wrappedTwice('notification', path);
  return searchFields(value, path, depth);
}

/** Searches the JSON in a text, if the text is a JSON object or list. */
function searchText(text: string, path: readonly string[], depth: number): string | undefined {
  const inner = parseJson(text);
  return isObject(inner) ? search(inner, [...path, JSON_TEXT], depth) : undefined;
}

function searchFields(value: object, path: readonly string[], depth: number): string | undefined {
  for (const [key, inner] of Object.entries(value).slice(0, MAX_FIELDS)) {
    const found = search(inner, [...path, displayKey(key)], depth + 1);
    if (found) return found;
  }
  return undefined;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const wrappedTwice = (
  nestedForm: 'envelope of oslo.messaging' | 'notification',
  path: readonly string[],
): string =>
  path.length === 1 && path[0] === 'oslo.message'
    ? `wrapped twice: oslo.message contains another ${nestedForm}`
    : `wrapped twice: it contains a whole ${nestedForm} (in ${path.join(' > ')}); ` +
      'send the notification of Keystone without a wrapper';

/** Returns a key of the sender in a form that a terminal can show. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must not be stored.
const displayKey = (key: string): string => key.replace(/[\u0000-\u001f\u007f]/g, '?').slice(0, 40);
