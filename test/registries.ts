import type { Registry } from '../lib/operation/registry.ts';

/** The answer of Keystone for a cloud with one service of each of these types in one region. */
export const registryWith = (types: readonly string[], region = 'one'): Registry => ({
  registrations: types.map((type) => ({
    type,
    name: type,
    serviceId: `${type}-id`,
    region,
    endpoints: [
      { interface: 'public', url: `http://${type}.example`, serviceUrl: `${type}.example` },
    ],
    hiddenBecause: undefined,
  })),
  regions: [],
  regionSetting: 'OS_REGION_NAME',
  interfaces: ['public'],
  listingError: undefined,
});
