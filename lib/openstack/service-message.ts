import * as z from 'zod';
import { parseJson } from '../shared/json.ts';
import { plainText } from '../shared/plain-text.ts';

const MAX_MESSAGE_LENGTH = 300;
/** At most this many characters of an error page are searched for its message. */
const MAX_PAGE_LENGTH = 20_000;

const faultBody = z.object({ message: z.string() });
/** The error of a service that uses the library WSME. */
const wsmeError = z.object({ faultstring: z.string() }).transform((body) => body.faultstring);
/** The text of an error. Ironic puts JSON into it. */
const errorText = z
  .string()
  .transform((words) => wsmeError.safeParse(parseJson(words)).data ?? words);
/**
 * The forms of an error body. The key of a fault depends on the service: `itemNotFound`, `error`
 * and others.
 */
const errorBodies = z.union([
  wsmeError,
  z
    .object({ error_message: z.union([errorText, wsmeError]) })
    .transform((body) => body.error_message),
  z
    .object({
      errors: z
        .array(z.object({ title: z.string().optional(), detail: z.string().optional() }))
        .min(1),
    })
    .transform((body) => body.errors.map((error) => error.detail ?? error.title ?? '').join('; ')),
  z
    .object({
      NeutronError: z.union([
        z.string(),
        z.object({ message: z.string(), detail: z.unknown().optional() }),
      ]),
    })
    .transform(({ NeutronError: error }) =>
      typeof error === 'string'
        ? error
        : typeof error.detail === 'string' && error.detail
          ? `${error.message} ${error.detail}`
          : error.message,
    ),
  faultBody.transform((body) => body.message),
  // Barbican, Zaqar, Freezer, Gnocchi: `title` names the status, `description` the reason.
  z.object({ description: z.string() }).transform((body) => body.description),
  z
    .object({ description: z.object({ cause: z.string(), reason: z.string() }) })
    .transform(({ description: { cause, reason } }) => `${cause}: ${reason}`),
  // Tacker uses the form of RFC 7807.
  z.object({ title: z.string(), detail: z.string() }).transform((body) => body.detail),
  z.record(z.string(), z.union([faultBody, z.unknown()])).transform((body, context) => {
    for (const value of Object.values(body)) {
      const inner = faultBody.safeParse(value);
      if (inner.success) return inner.data.message;
    }
    context.addIssue({ code: 'custom', message: 'no message' });
    return z.NEVER;
  }),
]);

/**
 * Returns the service's message from its error body (JSON, HTML or text), on one line of at most
 * 300 characters.
 */
export function serviceMessage(text: string, secrets: readonly string[] = []): string | undefined {
  const messageWithoutTags = messageInBody(text)
    .slice(0, MAX_PAGE_LENGTH)
    .replace(/<(script|style|title|h1)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<\/?[a-z][^>]*>/gi, ' ')
    .replace(/&(lt|gt|quot|#x27|#39|amp);/g, (entity) => HTML_ENTITIES[entity] ?? entity);
  return plainText(messageWithoutTags, MAX_MESSAGE_LENGTH, secrets) || undefined;
}

/**
 * Returns the message in a JSON body; empty if the form of the JSON is unknown. For an HTML page,
 * returns the content of its `body` with the tags. Returns any other text unchanged.
 */
function messageInBody(text: string): string {
  const json = parseJson(text);
  if (json !== undefined) return errorBodies.safeParse(json).data ?? '';
  const page = /<body[^>]*>([\s\S]*)<\/body>/i.exec(text.slice(0, MAX_PAGE_LENGTH));
  return page?.[1] ?? text;
}

const HTML_ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#x27;': "'",
  '&#39;': "'",
  '&amp;': '&',
};
