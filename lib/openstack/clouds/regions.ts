import { isDeepStrictEqual } from 'node:util';
import { credentialsError } from '../credentials-error.ts';
import { YamlMapping } from './files.ts';
import { withUnderscores } from './normalize-config.ts';

interface Region {
  readonly name: string;
  readonly values: YamlMapping;
}

/**
 * Returns the regions to work in, and the values that clouds.yaml has for them. All these regions
 * must have the same values. `requested`: the value of OS_REGION_NAME. If clouds.yaml names
 * regions, `requested` may contain only those. `base`: the cloud or profile that names the regions.
 */
export function regionsOf(
  base: YamlMapping,
  requested: unknown,
  settingName: (key: string) => string,
): { regions: string[]; values: YamlMapping } {
  const configuredRegions = configuredRegionsOf(withUnderscores(base), settingName);
  const requestedNames = listOf(requested);
  const unknownName = requestedNames.find(
    (name) => configuredRegions.length > 0 && !configuredRegions.some((one) => one.name === name),
  );
  if (unknownName !== undefined) {
    const names = configuredRegions.map((region) => region.name).join(', ');
    throw credentialsError(
      `OS_REGION_NAME: ${settingName('regions')} has no region ${unknownName}, only ${names}`,
    );
  }
  const chosenRegions =
    requestedNames.length === 0
      ? configuredRegions
      : configuredRegions.filter(({ name }) => requestedNames.includes(name));
  const names =
    chosenRegions.length === 0 ? requestedNames : chosenRegions.map((region) => region.name);
  const [first] = chosenRegions;
  const differentRegion = chosenRegions.find(
    (one) => !isDeepStrictEqual(one.values, first?.values),
  );
  if (first && differentRegion)
    throw credentialsError(
      `${settingName('regions')}: ${first.name} and ${differentRegion.name} have different ` +
        'values; set OS_REGION_NAME, and start one propagator for each region',
    );
  return {
    regions: [...new Set(names.filter((name) => name !== ''))],
    values: first?.values ?? {},
  };
}

function configuredRegionsOf(cloud: YamlMapping, settingName: (key: string) => string): Region[] {
  const listed = cloud.regions === undefined || cloud.regions === null ? undefined : cloud.regions;
  if (listed === undefined) return listOf(cloud.region_name).map((name) => ({ name, values: {} }));
  if (!Array.isArray(listed)) throw credentialsError(`${settingName('regions')} is not a list`);
  return listed.map((entry: unknown): Region => {
    if (typeof entry === 'string') return { name: entry, values: {} };
    const tree = YamlMapping.safeParse(entry);
    const values = YamlMapping.safeParse(tree.data?.values ?? {});
    const name = tree.data?.name;
    const others = Object.keys(tree.data ?? {}).filter((key) => key !== 'name' && key !== 'values');
    if (typeof name !== 'string' || !values.success || others.length > 0)
      throw credentialsError(
        `${settingName('regions')}: a region is a name, or a mapping of only name and values`,
      );
    return { name, values: values.data };
  });
}

/** Returns the texts of a list, or of one text in which commas separate them. */
function listOf(value: unknown): string[] {
  const items = Array.isArray(value) ? value : String(value ?? '').split(',');
  return items.map((one) => String(one).trim()).filter((one) => one !== '');
}
