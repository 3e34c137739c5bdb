import * as fc from 'fast-check';
import { ProjectId } from '../../events/ids.ts';
import type { CatalogService } from '../../lib/openstack/catalog.ts';
import { checkRegions } from '../../lib/openstack/catalog.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import type { RegistrationLists } from '../../lib/openstack/registration-lists.ts';
import { assembleRegistry, catalogRegistrations } from '../../lib/openstack/registry.ts';
import type { ExcludedRegion, Waiver } from '../../lib/operation/model.ts';
import { chooseEndpoint } from '../../lib/operation/registry.ts';
import { defineService, defineType, type Service } from '../../lib/task/service.ts';
import { deleted, Simulation, TARGET } from './simulation.ts';
import { apiStub } from './simulation-parts.ts';

const PROJECT = 'c1ea4e4c1ea4e4c1ea4e4c1ea4e4c1ea';
const FAMILIES: Record<string, { main: string[]; older: string[] }> = {
  cinder: { main: ['block-storage', 'volumev3', 'volume'], older: ['volumev2'] },
  nova: { main: ['compute'], older: ['compute_legacy', 'ec2'] },
  keystone: { main: ['identity'], older: [] },
};
const TYPES = [
  ...Object.values(FAMILIES).flatMap(({ main, older }) => [...main, ...older]),
  'VolumeV3',
  'COMPUTE',
  'block_storage',
  'compute-legacy',
  'fortune-telling',
  '',
];
const key = (type: string): string => type.trim().toLowerCase().replaceAll('_', '-');
const familyOf = (type: string): string | undefined =>
  Object.entries(FAMILIES).find(([, { main, older }]) =>
    [...main, ...older].some((one) => key(one) === key(type)),
  )?.[0];
const isOlder = (type: string): boolean =>
  Object.values(FAMILIES).some(({ older }) => older.some((one) => key(one) === key(type)));

/** A row of Keystone's table of services, with its endpoints. */
const endpoint = fc.record({
  face: fc.constantFrom('public', 'public', 'internal', 'admin', 'publicURL', 'other'),
  region: fc.constantFrom('one', 'one', 'one', 'one', 'two', 'two', 'three', null, ''),
  /** The deployment of a second endpoint of the same interface. */
  second: fc.constantFrom('a', 'b'),
  path: fc.constantFrom('', '/', '/v3', '/v3/%(project_id)s', '/v2.1/$(tenant_id)s/'),
  enabled: fc.constantFrom(true, true, true, true, true, false),
  /**
   * True if the catalog lacks the endpoint: OS-EP-FILTER hides it from the propagator's project, or
   * Keystone cannot fill in its URL.
   */
  filtered: fc.constantFrom(false, false, false, false, false, true),
});
const service = fc.record({
  type: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('volumev3', 'compute', 'identity') },
    { weight: 1, arbitrary: fc.constantFrom(...TYPES) },
  ),
  /** The deployment to which all interfaces of the row lead. */
  deployment: fc.constantFrom('a', 'a', 'a', 'b'),
  name: fc.constantFrom('name', ''),
  enabled: fc.constantFrom(true, true, true, true, true, false),
  endpoints: fc.array(endpoint, { maxLength: 4 }),
});
export const clouds = fc.record({
  services: fc.array(service, { minLength: 1, maxLength: 4 }),
  regions: fc.constantFrom<string[][]>([], [], ['one'], ['one', 'two']),
  face: fc.constantFrom<('public' | 'internal')[]>('public', 'internal'),
  /** Rows of endpoints whose service is in no list. */
  orphans: fc.constantFrom(false, false, false, false, true),
  lists: fc.constantFrom('whole', 'whole', 'whole', 'refused', 'empty', 'no endpoints'),
});
export type GeneratedCloud = typeof clouds extends fc.Arbitrary<infer C> ? C : never;

type Row = GeneratedCloud['services'][number];
const sameFace = (a: string, b: string): boolean => a.replace('URL', '') === b.replace('URL', '');

/**
 * The first endpoint of an interface in a region leads to the row's deployment, and the others lead
 * to their own `second`.
 */
function deploymentOf(row: Row, one: Row['endpoints'][number]): string {
  const first = row.endpoints.find(
    ({ face, region }) => sameFace(face, one.face) && (region || '') === (one.region || ''),
  );
  return first === one ? row.deployment : one.second;
}

/** Keystone with generated tables, and one resource of the target project in every deployment. */
export class CoverageSimulation extends Simulation {
  override readonly services: Service[];
  /** The resources of the target project in each deployment: `cinder/a/one`. */
  readonly deployments = new Map<string, Set<string>>();
  /** Regions in which a deployment is registered. */
  readonly places = new Map<string, Set<string>>();
  readonly #of: GeneratedCloud;

  constructor(generated: GeneratedCloud) {
    super({ resources: [0, 0, 0], lingers: 0, failures: 0, failWith: 'Transient' });
    this.#of = generated;
    this.services = Object.entries(FAMILIES).map(([name, { main, older }]) =>
      defineService({
        name,
        catalogTypes: main,
        catalogAliases: older,
        resourceTypes: [
          defineType<{ id: string }>({
            name: 'resource',
            list: async ({ api }) =>
              [...(this.deployments.get(api.endpoint) ?? [])].map((id) => ({ id })),
            id: (row) => row.id,
            owner: () => TARGET,
            remove: async (row, { api }) => {
              this.deployments.get(api.endpoint)?.delete(row.id);
              return { kind: 'gone' };
            },
          }),
        ],
      }),
    );
    for (const row of generated.services) {
      const family = familyOf(row.type);
      // An older type means the deployment of the newer type in its region. If the newer type is
      // not registered, the older type counts as a separate deployment.
      if (family === undefined) continue;
      for (const one of row.endpoints) {
        if (isOlder(row.type) && this.#hasNewer(family, one.region)) continue;
        const id = `${family}.${deploymentOf(row, one)}`;
        this.deployments.set(id, new Set([`${id}-resource`]));
        this.places.set(id, (this.places.get(id) ?? new Set()).add(one.region || 'none'));
      }
    }
  }

  #hasNewer = (family: string, region: string | null): boolean =>
    this.#of.services.some(
      ({ type, endpoints }) =>
        familyOf(type) === family &&
        !isOlder(type) &&
        endpoints.some((one) => one.region === region),
    );

  /**
   * The host names the interface and the deployment: the interfaces of one service may have
   * different hosts.
   */
  #url(row: Row, one: Row['endpoints'][number]): string {
    const face = one.face === 'internal' ? 'internal.' : '';
    return `http://${face}${familyOf(row.type) ?? 'unknown'}.${deploymentOf(row, one)}${one.path}`;
  }

  /**
   * Builds the catalog like Keystone's SQL driver: only enabled rows, and only URLs that can be
   * filled in.
   */
  get catalog(): CatalogService[] {
    return this.#of.services.flatMap((row, index) =>
      row.enabled
        ? [
            {
              id: `s${index}`,
              type: row.type,
              name: row.name,
              endpoints: row.endpoints.flatMap((one, at) =>
                one.enabled && !one.filtered
                  ? [
                      {
                        id: `s${index}e${at}`,
                        interface: one.face,
                        region: one.region,
                        region_id: one.region,
                        url: this.#url(row, one).replace(/[$%]\(\w+\)s/, PROJECT),
                      },
                    ]
                  : [],
              ),
            },
          ]
        : [],
    );
  }

  get lists(): RegistrationLists {
    const { services, orphans, lists } = this.#of;
    if (lists === 'empty') return { services: [], endpoints: [] };
    const lost =
      orphans && lists === 'whole'
        ? [
            {
              id: 'lost',
              service_id: 'nowhere',
              interface: 'public',
              url: 'http://lost',
              region: 'one',
              enabled: true,
            },
          ]
        : [];
    return {
      services: services.map(({ type, name, enabled }, index) => ({
        id: `s${index}`,
        type,
        name,
        enabled,
      })),
      endpoints:
        lists === 'no endpoints'
          ? []
          : [
              ...services.flatMap((row, index) =>
                row.endpoints.map((one, at) => ({
                  id: `s${index}e${at}`,
                  service_id: `s${index}`,
                  interface: one.face,
                  region: one.region,
                  region_id: one.region,
                  url: this.#url(row, one),
                  enabled: one.enabled,
                })),
              ),
              ...lost,
            ],
    };
  }

  override get deps(): Simulation['deps'] {
    const { regions, face, lists } = this.#of;
    const credentials = {
      regions,
      interfaces: [face],
      endpointOverrides: {},
      source: 'clouds.yaml (test)',
    };
    const refused = {
      listError: {
        code: 'keystone.http.403',
        class: 'Denied' as const,
        message: 'refused',
        advice: 'Ask.',
      },
    };
    const inner = super.deps;
    const cloud: Cloud = {
      ...inner.cloud,
      registry: async () => {
        const read = lists === 'refused' ? refused : this.lists;
        const registry = assembleRegistry(this.catalog, PROJECT, read, credentials);
        checkRegions(registry.registrations, credentials);
        return registry;
      },
      api: async ({ name, catalogTypes }, region) => {
        const all = catalogRegistrations(this.catalog, PROJECT);
        const elsewhere = name === 'keystone' ? all.flatMap((one) => one.region ?? []) : [];
        const url = [region, ...elsewhere]
          .map((at) => chooseEndpoint(all, catalogTypes, at, [face])?.endpoint.url)
          .find((one) => one !== undefined);
        if (url === undefined) return undefined;
        return apiStub(name, { region, endpoint: new URL(url).host.replace('internal.', '') });
      },
    };
    return { ...inner, cloud, services: this.services };
  }

  async run(waivers: readonly Waiver[] = []): Promise<void> {
    if (waivers.length > 0) await this.engine.commit({ waivers });
    await this.engine.commit({ messages: [deleted(ProjectId.parse(TARGET))] });
    await this.settle(this.deps, 60);
  }

  get ended(): { state: string; leftOut: readonly ExcludedRegion[] } {
    const [operation] = [...this.engine.operations.values()];
    return { state: operation?.state ?? 'none', leftOut: operation?.leftOut ?? [] };
  }

  /** Deployments that still hold a resource and that no named setting leaves out. */
  get unaccounted(): string[] {
    const named = new Set(this.ended.leftOut.map(({ region }) => region));
    return [...this.deployments]
      .filter(([, held]) => held.size > 0)
      .map(([id]) => id)
      .filter((id) => ![...(this.places.get(id) ?? [])].every((region) => named.has(region)));
  }

  /** True if a row has no type or a type that no service file covers. */
  get hasUnknown(): boolean {
    const hasOrphan = this.#of.orphans && this.#of.lists === 'whole';
    return hasOrphan || this.#of.services.some(({ type }) => familyOf(type) === undefined);
  }
}
