import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type * as z from 'zod';
import { engineError } from '../../engine-error.ts';
import { toJson } from '../../json.ts';
import type { Attribute, Item } from './rows.ts';

/**
 * A value of up to this size is stored as readable text. A longer value is compressed, because
 * DynamoDB charges for each kilobyte.
 */
const MAX_READABLE_BYTES = 1024;
/** A DynamoDB row holds at most 400 KB, including its keys and other attributes. */
const MAX_BYTES = 390 * 1024;
const COMPRESSION = {
  [constants.BROTLI_PARAM_QUALITY]: 4,
  // Text may repeat in many messages of one change, for example the members of a project. With a
  // window of 4 MB, the compressed value contains this text only once.
  [constants.BROTLI_PARAM_LGWIN]: 22,
};

/** Compresses text (UTF-8) with Brotli. */
export const compress = (text: string): Buffer => brotliCompressSync(text, { params: COMPRESSION });
export const decompress = (bytes: Uint8Array): string =>
  brotliDecompressSync(bytes).toString('utf8');

/**
 * Packs a JSON value into an attribute of a row. Throws `engine.row.too-big` if the value exceeds
 * the limit of DynamoDB after its compression.
 */
export function pack(value: unknown): Attribute {
  const text = toJson(value);
  if (Buffer.byteLength(text) <= MAX_READABLE_BYTES) return { S: text };
  const bytes = compress(text);
  if (bytes.byteLength > MAX_BYTES)
    throw engineError(
      'row.too-big',
      `A compressed record has ${bytes.byteLength} bytes; DynamoDB accepts ${MAX_BYTES}: ` +
        `${text.slice(0, 200)}`,
      'Process this account with an engine on PostgreSQL, which has no such limit, and report ' +
        'this defect of the propagator.',
    );
  return { B: bytes.toString('base64') };
}

/**
 * Unpacks an attribute. The value is not validated; the caller parses it. Throws
 * `engine.row.damaged` when the row has no body.
 */
export function unpack(packed: Attribute | undefined): unknown {
  if (packed?.S !== undefined) return JSON.parse(packed.S);
  if (packed?.B !== undefined) return JSON.parse(decompress(Buffer.from(packed.B, 'base64')));
  throw engineError(
    'row.damaged',
    'A row has no body.',
    'Restore the table to a point in time before the damage.',
  );
}

/** Parses the records in the bodies of rows. */
export const parseBodies = <Schema extends z.ZodType>(
  schema: Schema,
  items: readonly Item[],
): z.output<Schema>[] => items.map(({ body }) => schema.parse(unpack(body)));
