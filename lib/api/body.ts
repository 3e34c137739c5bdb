import { isUtf8 } from 'node:buffer';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { isReason, REASON_ADVICE } from '../shared/reason.ts';
import { isRead } from './methods.ts';
import { problemBody } from './problem.ts';

const KIBIBYTE = 1024;
/** The maximum size of a body in bytes. Notifications have a higher limit. */
export const MAX_BODY_BYTES = 64 * KIBIBYTE;
export const MAX_NOTIFICATIONS_BODY_BYTES = 4 * KIBIBYTE * KIBIBYTE;
export const NOTIFICATIONS_PATH = '/v1/notifications';
/** JSON lines have no registered media type. Clients send one of these two. */
export const JSON_LINES_TYPES: readonly string[] = ['application/x-ndjson', 'application/jsonl'];
const JSON_TYPES: readonly string[] = ['application/json'];

/**
 * Returns the media type of the body in lower case and without parameters, for example
 * `application/json`. Returns an empty text if the header is missing.
 */
export const mediaType = ({ req }: Context): string =>
  (req.header('content-type') ?? '').split(';', 1).join('').trim().toLowerCase();

/**
 * Accepts only a body that is declared as JSON. A browser sends JSON from a page of another origin
 * only if the API allows it in the answer to an `OPTIONS` request (CORS). This API never allows it.
 * JSON lines are accepted only at NOTIFICATIONS_PATH.
 */
export const requireJsonType: MiddlewareHandler = async (context, next) => {
  if (isRead(context.req.method) || isEmptyDelete(context)) return next();
  const acceptedTypes = isNotifications(context)
    ? [...JSON_TYPES, ...JSON_LINES_TYPES]
    : JSON_TYPES;
  const declaredType = mediaType(context);
  if (acceptedTypes.includes(declaredType)) return next();
  const declaredText =
    declaredType === '' ? 'no content-type' : `content-type ${declaredType.slice(0, 100)}`;
  return context.json(
    problemBody(
      'content-type',
      `${declaredText} is not accepted; send one of ${acceptedTypes.join(', ')}`,
    ),
    415,
  );
};

/** Refuses a body that is too large, by its declared length or while it arrives. */
export const limitBodySize: MiddlewareHandler = (context, next) =>
  (isNotifications(context) ? notificationsLimit : defaultLimit)(context, next);

const bodySizeLimit = (maxBytes: number): MiddlewareHandler =>
  bodyLimit({
    maxSize: maxBytes,
    onError: (context) => {
      context.header('connection', 'close');
      return context.json(
        problemBody('too-large', `the body is larger than ${maxBytes} bytes; nothing was changed`),
        413,
      );
    },
  });
const defaultLimit = bodySizeLimit(MAX_BODY_BYTES);
const notificationsLimit = bodySizeLimit(MAX_NOTIFICATIONS_BODY_BYTES);

const isNotifications = ({ req }: Context): boolean => req.path === NOTIFICATIONS_PATH;
const isEmptyDelete = ({ req }: Context): boolean =>
  req.method === 'DELETE' &&
  req.header('content-type') === undefined &&
  !req.header('transfer-encoding') &&
  Number(req.header('content-length') ?? 0) === 0;

/** The error of a body that cannot be read as JSON. The message names the reason. */
export class BodyError extends Error {}

/**
 * Reads and validates the body. Throws {@link BodyError} for a body that is not JSON, and
 * `ZodError` for JSON that does not match the schema.
 */
export async function readJson<S extends z.ZodType>(
  context: Context,
  schema: S,
): Promise<z.output<S>> {
  const bytes = new Uint8Array(await context.req.arrayBuffer());
  if (!isUtf8(bytes)) throw new BodyError('the body is not UTF-8');
  return schema.parse(parseJson(new TextDecoder().decode(bytes)));
}

/** The parser's message is not used, because it contains a part of the body. */
function parseJson(text: string): unknown {
  if (text.trim() === '') throw new BodyError('the body is empty');
  try {
    return JSON.parse(text);
  } catch {
    throw new BodyError('the body is not JSON');
  }
}

/**
 * Text that a person entered: 1 to `maxLength` characters that every database stores and every
 * terminal displays. Control characters (except line ends and tabs) and unpaired surrogates are
 * refused.
 */
export const enteredText = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine(
      (text) => text.isWellFormed() && !CONTROL_CHARACTERS.test(text),
      'the text has control characters or invalid Unicode',
    );
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must not be stored.
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** A person's reason for a decision: see {@link isReason}. */
export const reasonText = enteredText(1000)
  .refine(isReason, REASON_ADVICE)
  .describe('The reason, in words or numbers.');

/**
 * The caller's name comes from authentication. A body that names a caller is refused, not ignored.
 */
export const callerNotAllowedInBody = z
  .undefined('omit this field: the API uses the name of your token or IAM principal')
  .optional();
