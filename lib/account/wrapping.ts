import * as z from 'zod';
import { parseJson } from './json.ts';

/** An envelope 2.0 of oslo.messaging has these two keys. */
const Envelope = z.looseObject({ 'oslo.version': z.string(), 'oslo.message': z.string() });
const Notification = z.looseObject({ event_type: z.string(), payload: z.unknown() });

/** The element of a path that stands for JSON that was parsed from a text. */
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
export function describeWrapping(body: unknown, hasEnvelope: boolean): string | undefined {
  const path = hasEnvelope ? ['oslo.message'] : [];
  return searchValue(body, path, 0);
}

function searchValue(value: unknown, path: readonly string[], depth: number): string | undefined {
  if (typeof value === 'string') return searchText(value, path, depth);
  if (!isObject(value) || depth > MAX_NESTING) return undefined;
  // The caller has already refused the body itself as a notification. Only a notification below the
  // body counts.
  const isBody = depth === 0 && path.at(-1) !== JSON_TEXT;
  if (Envelope.safeParse(value).success)
    return wrappedTwiceText('envelope of oslo.messaging', path);
  if (!isBody && Notification.safeParse(value).success)
    return wrappedTwiceText('notification', path);
  return searchFields(value, path, depth);
}

/** Searches the JSON in a text, if the text is a JSON object or list. */
function searchText(text: string, path: readonly string[], depth: number): string | undefined {
  const inner = parseJson(text);
  return isObject(inner) ? searchValue(inner, [...path, JSON_TEXT], depth) : undefined;
}

function searchFields(value: object, path: readonly string[], depth: number): string | undefined {
  for (const [key, inner] of Object.entries(value).slice(0, MAX_FIELDS)) {
    const found = searchValue(inner, [...path, displayKey(key)], depth + 1);
    if (found) return found;
  }
  return undefined;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const wrappedTwiceText = (
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
