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
 * must have the same values. `cloudOrProfile`: the fields of the cloud, or of its profile, that
 * name the regions. `requestedRegions`: the value of OS_REGION_NAME. If `cloudOrProfile` names
 * regions, OS_REGION_NAME may contain only regions from this list.
 */
export function regionsOf(
  cloudOrProfile: YamlMapping,
  requestedRegions: unknown,
  settingName: (key: string) => string,
): { regions: string[]; values: YamlMapping } {
  const configuredRegions = configuredRegionsOf(withUnderscores(cloudOrProfile), settingName);
  const requestedNames = textsOf(requestedRegions);
  if (configuredRegions.length === 0) return { regions: [...new Set(requestedNames)], values: {} };
  refuseUnknownRegion(requestedNames, configuredRegions, settingName);
  const chosenRegions =
    requestedNames.length === 0
      ? configuredRegions
      : configuredRegions.filter(({ name }) => requestedNames.includes(name));
  refuseDifferentValues(chosenRegions, settingName);
  const names = chosenRegions.map(({ name }) => name).filter((name) => name !== '');
  return { regions: [...new Set(names)], values: chosenRegions[0]?.values ?? {} };
}

function refuseUnknownRegion(
  requestedNames: readonly string[],
  configuredRegions: readonly Region[],
  settingName: (key: string) => string,
): void {
  const configuredNames = configuredRegions.map(({ name }) => name);
  const unknownName = requestedNames.find((name) => !configuredNames.includes(name));
  if (unknownName !== undefined)
    throw credentialsError(
      `OS_REGION_NAME: ${settingName('regions')} has no region ${unknownName}, only ` +
        configuredNames.join(', '),
    );
}

function refuseDifferentValues(
  [firstRegion, ...otherRegions]: readonly Region[],
  settingName: (key: string) => string,
): void {
  const differentRegion = otherRegions.find(
    ({ values }) => !isDeepStrictEqual(values, firstRegion?.values),
  );
  if (firstRegion && differentRegion)
    throw credentialsError(
      `${settingName('regions')}: ${firstRegion.name} and ${differentRegion.name} have different ` +
        'values; set OS_REGION_NAME, and start one propagator for each region',
    );
}

function configuredRegionsOf(cloud: YamlMapping, settingName: (key: string) => string): Region[] {
  const { regions } = cloud;
  if (regions === undefined || regions === null)
    return textsOf(cloud.region_name).map((name) => ({ name, values: {} }));
  if (!Array.isArray(regions)) throw credentialsError(`${settingName('regions')} is not a list`);
  return regions.map((entry: unknown): Region => {
    if (typeof entry === 'string') return { name: entry, values: {} };
    const mapping = YamlMapping.safeParse(entry);
    const values = YamlMapping.safeParse(mapping.data?.values ?? {});
    const name = mapping.data?.name;
    const unknownKeys = Object.keys(mapping.data ?? {}).filter(
      (key) => key !== 'name' && key !== 'values',
    );
    if (typeof name !== 'string' || !values.success || unknownKeys.length > 0)
      throw credentialsError(
        `${settingName('regions')}: a region is a name, or a mapping of only name and values`,
      );
    return { name, values: values.data };
  });
}

/** Returns the items of a list, or the parts of a text between commas. */
function textsOf(value: unknown): string[] {
  const items = Array.isArray(value) ? value : String(value ?? '').split(',');
  return items.map((one) => String(one).trim()).filter((one) => one !== '');
}
