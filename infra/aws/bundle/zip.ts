import { crc32, deflateRawSync } from 'node:zlib';

export interface Entry {
  readonly name: string;
  readonly data: Uint8Array;
}

/** All files have the same date (1980-01-01), so that equal files always give an equal zip. */
const DATE = (0 << 9) | (1 << 5) | 1;
const DEFLATED = 8;
/** The zip was made on Unix, with version 2.0 of the format. */
const MADE_ON_UNIX = (3 << 8) | 20;
/** A regular file that all users may read. */
const MODE = 0o100644 << 16;

/**
 * Creates a zip for Lambda, without the extensions for more than 4 GB. Each file has a header with
 * its data. The central directory at the end repeats the headers, with the offset of each file.
 */
export function zip(entries: readonly Entry[]): Buffer {
  const [files, centralDirectory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const { name, data } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const packed = deflateRawSync(data, { level: 9 });
    const path = Buffer.from(name);
    // The fields that both headers of a file have.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(DEFLATED, 4);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    // The further fields of the header in the central directory.
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(MODE >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    files.push(Buffer.from('PK\x03\x04'), common, path, packed);
    centralDirectory.push(Buffer.from('PK\x01\x02'), uint16(MADE_ON_UNIX), common, tail, path);
    offset += 4 + common.length + path.length + packed.length;
  }
  const directory = Buffer.concat(centralDirectory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, directory, Buffer.from('PK\x05\x06'), end]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
