import { isDeepStrictEqual } from 'node:util';
import { credentialsError } from '../credentials-error.ts';
import { YamlMapping } from './files.ts';
import { normalized } from './normalize-config.ts';

interface Region {
  readonly name: string;
  readonly values: YamlMapping;
}

/**
 * Returns the regions to work in, and the values of the first region. `requested`: the value of
 * OS_REGION_NAME. If clouds.yaml names regions, `requested` may contain only those.
 */
export function regionsOf(
  base: YamlMapping,
  requested: unknown,
  field: (key: string) => string,
): { regions: string[]; values: YamlMapping } {
  const configuredRegions = knownRegions(normalized(base), field);
  const requestedNames = listOf(requested);
  const unknownName = requestedNames.find(
    (name) => configuredRegions.length > 0 && !configuredRegions.some((one) => one.name === name),
  );
  if (unknownName !== undefined) {
    const names = configuredRegions.map((region) => region.name).join(', ');
    throw credentialsError(
      `OS_REGION_NAME: ${field('regions')} has no region ${unknownName}, only ${names}`,
    );
  }
  const chosen =
    requestedNames.length === 0
      ? configuredRegions
      : configuredRegions.filter(({ name }) => requestedNames.includes(name));
  const names = chosen.length === 0 ? requestedNames : chosen.map((region) => region.name);
  const [first] = chosen;
  const different = chosen.find((one) => !isDeepStrictEqual(one.values, first?.values));
  if (first && different)
    throw credentialsError(
      `${field('regions')}: ${first.name} and ${different.name} have different ` +
        'values; set OS_REGION_NAME, and start one propagator for each region',
    );
  return {
    regions: [...new Set(names.filter((name) => name !== ''))],
    values: first?.values ?? {},
  };
}

function knownRegions(cloud: YamlMapping, field: (key: string) => string): Region[] {
  const listed = cloud.regions === undefined || cloud.regions === null ? undefined : cloud.regions;
  if (listed === undefined) return listOf(cloud.region_name).map((name) => ({ name, values: {} }));
  if (!Array.isArray(listed)) throw credentialsError(`${field('regions')} is not a list`);
  return listed.map((entry: unknown): Region => {
    if (typeof entry === 'string') return { name: entry, values: {} };
    const tree = YamlMapping.safeParse(entry);
    const values = YamlMapping.safeParse(tree.data?.values ?? {});
    const name = tree.data?.name;
    const others = Object.keys(tree.data ?? {}).filter((key) => key !== 'name' && key !== 'values');
    if (typeof name !== 'string' || !values.success || others.length > 0)
      throw credentialsError(
        `${field('regions')}: a region is a name, or a mapping of only name and values`,
      );
    return { name, values: values.data };
  });
}

/** Reads a list, or text with commas. */
function listOf(value: unknown): string[] {
  const items = Array.isArray(value) ? value : String(value ?? '').split(',');
  return items.map((one) => String(one).trim()).filter((one) => one !== '');
}
