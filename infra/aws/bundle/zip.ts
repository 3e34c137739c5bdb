import { crc32, deflateRawSync } from 'node:zlib';

/** A file in a zip. */
export interface ZipEntry {
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
 * Creates a zip for Lambda, without the extensions for more than 4 GB. A header precedes the data
 * of each file. The central directory at the end repeats the headers, with the offset of each file.
 */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const [files, centralDirectory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const { name, data } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const compressed = deflateRawSync(data, { level: 9 });
    const path = Buffer.from(name);
    // The fields that are in both headers of a file.
    const commonFields = Buffer.alloc(26);
    commonFields.writeUInt16LE(20, 0);
    commonFields.writeUInt16LE(DEFLATED, 4);
    commonFields.writeUInt16LE(DATE, 8);
    commonFields.writeUInt32LE(crc32(data), 10);
    commonFields.writeUInt32LE(compressed.length, 14);
    commonFields.writeUInt32LE(data.length, 18);
    commonFields.writeUInt16LE(path.length, 22);
    // The further fields of the header in the central directory.
    const directoryFields = Buffer.alloc(14);
    directoryFields.writeUInt32LE(MODE >>> 0, 6);
    directoryFields.writeUInt32LE(offset, 10);
    files.push(Buffer.from('PK\x03\x04'), commonFields, path, compressed);
    centralDirectory.push(
      Buffer.from('PK\x01\x02'),
      uint16(MADE_ON_UNIX),
      commonFields,
      directoryFields,
      path,
    );
    offset += 4 + commonFields.length + path.length + compressed.length;
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
