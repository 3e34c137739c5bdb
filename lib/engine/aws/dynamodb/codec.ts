import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { engineError } from '../../engine-error.ts';
import { toJson } from '../../json.ts';
import type { Attribute } from './table.ts';

/**
 * Short ones stay readable in the console; of what is longer, DynamoDB would count every kilobyte.
 */
const READABLE_BYTES = 1024;
/** A row of DynamoDB has 400 KB at most, keys and all. */
const MOST_BYTES = 390 * 1024;
const QUALITY = {
  [constants.BROTLI_PARAM_QUALITY]: 4,
  // Four megabytes: what many messages of one change have in common (the members of a project) is
  // kept once.
  [constants.BROTLI_PARAM_LGWIN]: 22,
};

export const compress = (text: string): Buffer => brotliCompressSync(text, { params: QUALITY });
export const decompress = (bytes: Uint8Array): string =>
  brotliDecompressSync(bytes).toString('utf8');

/** A value of JSON as an attribute of a row. Throws `engine.row.too-big`. */
export function pack(value: unknown): Attribute {
  const text = toJson(value);
  if (Buffer.byteLength(text) <= READABLE_BYTES) return { S: text };
  const bytes = compress(text);
  if (bytes.byteLength > MOST_BYTES)
    throw engineError(
      'row.too-big',
      `A record has ${bytes.byteLength} bytes, compressed; DynamoDB takes ${MOST_BYTES}: ${text.slice(0, 200)}`,
      'Run this account through an engine on PostgreSQL, which has no such limit, and report it as a defect.',
    );
  return { B: bytes.toString('base64') };
}

/** The value again, unchecked: whoever takes it parses it. Throws when it was not packed here. */
export function unpack(packed: Attribute | undefined): unknown {
  if (packed?.S !== undefined) return JSON.parse(packed.S);
  if (packed?.B !== undefined) return JSON.parse(decompress(Buffer.from(packed.B, 'base64')));
  throw engineError(
    'row.damaged',
    'A row has no body.',
    'Restore the table to a point in time before it.',
  );
}
