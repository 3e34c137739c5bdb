import { ServicesShape } from '../../../lib/cli/shapes.ts';
import { showServices } from '../../../lib/cli/show/services.ts';
import { NOON, plain } from './samples.ts';

const service = (name: string, fields: object) => ({
  name,
  catalogTypes: [name],
  classes: ['A'],
  resourceTypes: [`${name}.resource`],
  userResourceTypes: [],
  after: [],
  follows: [],
  preDelete: false,
  on: true,
  regions: ['RegionOne'],
  ...fields,
});

const cloud = ServicesShape.parse({
  services: [
    service('nova', {
      catalogTypes: ['compute'],
      resourceTypes: ['nova.server', 'nova.server-group'],
      userResourceTypes: ['nova.keypair'],
    }),
    service('barbican', {
      catalogTypes: ['key-manager'],
      classes: ['A', 'C'],
      preDelete: true,
      follows: ['nova'],
      regions: [],
    }),
    service('gnocchi', {
      catalogTypes: ['metric'],
      on: false,
      offByDefault: 'metering is often billing evidence',
      after: ['nova'],
    }),
    service('placement', {
      resourceTypes: [],
      classes: [],
      noProjectResources: 'allocations go with their servers',
    }),
    service('keystone', {
      catalogTypes: ['identity'],
      follows: ['nova', 'barbican', 'gnocchi', 'placement'],
    }),
    service('billing', { catalogTypes: [], regions: ['everywhere'], after: ['keystone'] }),
  ],
  httpPlugins: ['cmdb'],
  uncovered: [{ type: 'rating', name: 'cloudkitty' }],
  waived: [{ type: 'dns', by: 'ann', reason: 'no zones here', at: NOON }],
});

describe('propagator service list', () => {
  it('is a table in the order of the cleanup; below it what nobody covers, and what was waived by whom', () => {
    expect(showServices(cloud, plain)).toBe(
      `
SERVICE    CATALOG TYPES  CLASS  RESOURCES             AFTER                        REGIONS     NOTE
nova       compute        A      server, server-group  -                            RegionOne   for users: keypair
barbican   key-manager    A C    resource              ~nova                        -           runs before the deletion
gnocchi    metric         A      resource              nova                         RegionOne   off by default: metering is often billing
                                                                                                evidence
placement  placement      -      -                     -                            RegionOne   no project resources: allocations go with
                                                                                                their servers
keystone   identity       A      resource              ~nova, ~barbican, ~gnocchi,  RegionOne
                                                       ~placement
billing    -              A      resource              keystone                     everywhere
cmdb       -              -      ?                     -                            everywhere  HTTP plugin

CLASS  A any administrator's token removes it at any time · B with system scope · C, D only while the project lives
AFTER  ~ gets its turn first, and holds it up only for a while

Not covered: these types are in the catalog of this cloud, and no service file covers them. Their resources are not removed, and each operation ends as unverified.
TYPE    NAME
rating  cloudkitty
One that holds nothing of projects: propagator waiver add TYPE --reason "…". One that does: CONTRIBUTING.md, or a service of your own.

Waived (to remove a waiver: propagator waiver remove TYPE)
TYPE  BY   AT                    REASON
dns   ann  2026-03-01T12:00:00Z  no zones here`.slice(1),
    );
  });

  it('says that Keystone comes after all others, and breaks a long list into lines', () => {
    const resourceTypes = [
      'router',
      'network',
      'subnet',
      'port',
      'trunk',
      'floating-ip',
      'security-group',
    ].map((name) => `neutron.${name}`);
    const services = [
      service('nova', {}),
      service('neutron', { resourceTypes, after: ['nova'] }),
      service('keystone', { follows: ['nova', 'neutron'] }),
    ];
    const text = showServices(
      ServicesShape.parse({ services, httpPlugins: [], uncovered: [], waived: [] }),
      plain,
    );
    expect(text).toBe(
      `
SERVICE   CATALOG TYPES  CLASS  RESOURCES                              AFTER        REGIONS    NOTE
nova      nova           A      resource                               -            RegionOne
neutron   neutron        A      router, network, subnet, port, trunk,  nova         RegionOne
                                floating-ip, security-group
keystone  keystone       A      resource                               ~all others  RegionOne

CLASS  A any administrator's token removes it at any time · B with system scope · C, D only while the project lives
AFTER  ~ gets its turn first, and holds it up only for a while`.slice(1),
    );
  });

  it('names the resource type for the sake of which alone a service comes after another', () => {
    const services = [
      service('designate', { resourceTypes: ['designate.ptr-record'] }),
      service('neutron', {
        follows: ['designate', 'heat'],
        until: { designate: ['designate.ptr-record'] },
      }),
      service('heat', {}),
      service('glance', {}),
    ];
    const text = showServices(
      ServicesShape.parse({ services, httpPlugins: [], uncovered: [], waived: [] }),
      plain,
    );
    expect(text).toMatch(/^neutron .* ~designate\.ptr-record, ~heat /m);
    expect(text).toContain('\n       ~service.type: waits only for that resource type');
  });
});
