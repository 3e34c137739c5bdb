import type { Observation } from './compare-ask.ts';

/** Headers that depend on the server in front or on the time. */
const incidental = new Set(
  'connection content-length date keep-alive server transfer-encoding vary accept-ranges last-modified etag cache-control x-timestamp x-put-timestamp x-storage-policy x-container-sharding x-account-project-domain-id openstack-image-import-methods openstack-image-store-ids x-subject-token'.split(
    ' ',
  ),
);
const incidentalHeader = (name: string): boolean =>
  incidental.has(name) || name.startsWith('x-account-storage-policy');

/** Fields that the rehearsal cloud deliberately lacks, because the propagator does not use them. */
const leftOut = [
  /\.OS-EXT-SRV-ATTR:/,
  /\.standard_attr_id$/,
  /^swift\./,
  /^(tempurl|slo|symlink|versioned_writes|bulk_upload)\b/,
  /\.stores$/,
  /\.extra_specs\./,
  /volume_image_metadata/,
  /\.group_specs\./,
  /\.access$/,
  /^version.*\.(media-types|links)/,
  /\.rxtx_factor$/,
  /\.OS-FLV/,
  /^quota_set\.[a-z]+_(?!_DEFAULT__)/,
  /^network\.is_default$/,
];

/** The difference between the rehearsal and the real cloud as text. Empty if they agree. */
export function differences(real: Observation, rehearsal: Observation): string[] {
  const found: string[] = [];
  if (real.status !== rehearsal.status)
    found.push(
      `status ${real.status}, rehearsal ${rehearsal.status} (${real.text.slice(0, 200)} | ${rehearsal.text.slice(0, 200)})`,
    );
  const names = (from: Observation): string[] =>
    Object.keys(from.headers).filter((name) => !incidentalHeader(name));
  const missing = names(real).filter((name) => !names(rehearsal).includes(name));
  const extra = names(rehearsal).filter((name) => !names(real).includes(name));
  if (missing.length > 0) found.push(`headers missing: ${missing.join(', ')}`);
  if (extra.length > 0) found.push(`headers too many: ${extra.join(', ')}`);
  const resourceType = (from: Observation): string | undefined =>
    from.headers['content-type']?.split(';')[0];
  if (resourceType(real) !== resourceType(rehearsal))
    found.push(`content type ${resourceType(real)}, rehearsal ${resourceType(rehearsal)}`);
  if (real.status >= 400 && general(real.text) !== general(rehearsal.text))
    found.push(
      `words: ${general(real.text).slice(0, 300)}`,
      `   here: ${general(rehearsal.text).slice(0, 300)}`,
    );
  const shapes = { real: shape(real.json), rehearsal: shape(rehearsal.json) };
  for (const [path, type] of shapes.real) {
    if (leftOut.some((pattern) => pattern.test(path))) continue;
    const own = shapes.rehearsal.get(path);
    // If a value is null or empty on one side, its content cannot be compared.
    const above = path.slice(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('[')));
    if (
      own === undefined &&
      above !== '' &&
      ['null', 'empty', undefined].includes(shapes.rehearsal.get(above))
    )
      continue;
    if (own === undefined) found.push(`missing: ${path} (${type})`);
    else if (
      own !== type &&
      ![own, type].includes('null') &&
      !(['empty', 'array'].includes(own) && ['empty', 'array'].includes(type))
    )
      found.push(`${path} is ${type}, rehearsal ${own}`);
  }
  for (const [path, type] of shapes.rehearsal) {
    const above = path.slice(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('[')));
    if (!shapes.real.has(path) && !['null', 'empty'].includes(shapes.real.get(above) ?? ''))
      found.push(`too many: ${path} (${type})`);
  }
  return found;
}

/** A text without the parts that differ between clouds. */
const general = (text: string): string =>
  text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '#')
    .replace(/[0-9a-f]{32}/g, '#')
    .replace(/([:,])\s+/g, '$1')
    .replace(/127\.0\.0\.1:\d+/g, 'host')
    .replace(/fake-compare-[a-z]+-\d+/g, '#')
    .replace(/not found for \S+ \//g, 'not found for # /')
    .replace(/\s+/g, ' ')
    .trim();

/**
 * The paths of a JSON value with their types. All rows of a list count as one, and a key that is an
 * id becomes `#`.
 */
function shape(json: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  const type =
    json === null
      ? 'null'
      : Array.isArray(json)
        ? json.length === 0
          ? 'empty'
          : 'array'
        : typeof json;
  if (json !== undefined && (into.get(path) ?? 'null') === 'null') into.set(path, type);
  if (Array.isArray(json)) for (const each of json) shape(each, `${path}[]`, into);
  else if (typeof json === 'object' && json !== null)
    for (const [key, value] of Object.entries(json))
      shape(value, path === '' ? key : `${path}.${key}`, into);
  return into;
}
