import { ServicesShape } from '../../../lib/cli/shapes.ts';
import { showServices } from '../../../lib/cli/show/services.ts';
import { NOON, plain } from './samples.ts';

const service = (name: string, fields: object) => ({
  name,
  catalogTypes: [name],
  classes: ['A'],
  resourceTypes: [`${name}.resource`],
  userResourceTypes: [],
  dependsOn: [],
  preDelete: false,
  on: true,
  regions: ['RegionOne'],
  ...fields,
});

const dependencyOn = (service: string, strength: 'required' | 'preferred') => ({
  service,
  strength,
  until: 'done',
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
      dependsOn: [dependencyOn('nova', 'preferred')],
      regions: [],
    }),
    service('gnocchi', {
      catalogTypes: ['metric'],
      on: false,
      offByDefault: 'metering is often billing evidence',
      dependsOn: [dependencyOn('nova', 'required')],
    }),
    service('placement', {
      resourceTypes: [],
      classes: [],
      noProjectResources: 'allocations go with their servers',
    }),
    service('keystone', {
      catalogTypes: ['identity'],
      dependsOn: [
        dependencyOn('nova', 'preferred'),
        dependencyOn('barbican', 'preferred'),
        dependencyOn('gnocchi', 'preferred'),
        dependencyOn('placement', 'preferred'),
      ],
    }),
    service('billing', {
      catalogTypes: [],
      regions: ['everywhere'],
      dependsOn: [dependencyOn('keystone', 'required')],
    }),
  ],
  httpPlugins: ['cmdb'],
  uncovered: [{ type: 'rating', name: 'cloudkitty' }],
  waived: [{ type: 'dns', by: 'ann', reason: 'no zones here', at: NOON }],
});

describe('propagator service list', () => {
  it('prints services in the order of cleanup, then uncovered types and waivers', () => {
    expect(showServices(cloud, plain)).toBe(
      `
SERVICE    CATALOG TYPES  CLASS  RESOURCES             DEPENDS ON                   REGIONS     NOTE
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

CLASS  A: needs an administrator's token · B: needs a system-scoped token · C, D: only while the project exists
DEPENDS ON  waits until that service has ended; ~ does not wait for a stuck service

Not covered: these types are in the catalog of this cloud, and no service file covers them. Their resources are not removed, and each operation ends as unverified.
TYPE    NAME
rating  cloudkitty
If a type has no resources of projects: propagator waiver add TYPE --reason "…". For any other type: write a service file (CONTRIBUTING.md).

Waived (to remove a waiver: propagator waiver remove TYPE)
TYPE  BY   AT                    REASON
dns   ann  2026-03-01T12:00:00Z  no zones here`.slice(1),
    );
  });

  it('shows Keystone after all other services, and wraps a long list', () => {
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
      service('neutron', { resourceTypes, dependsOn: [dependencyOn('nova', 'required')] }),
      service('keystone', {
        dependsOn: [dependencyOn('nova', 'preferred'), dependencyOn('neutron', 'preferred')],
      }),
    ];
    const text = showServices(
      ServicesShape.parse({ services, httpPlugins: [], uncovered: [], waived: [] }),
      plain,
    );
    expect(text).toBe(
      `
SERVICE   CATALOG TYPES  CLASS  RESOURCES                              DEPENDS ON   REGIONS    NOTE
nova      nova           A      resource                               -            RegionOne
neutron   neutron        A      router, network, subnet, port, trunk,  nova         RegionOne
                                floating-ip, security-group
keystone  keystone       A      resource                               ~all others  RegionOne

CLASS  A: needs an administrator's token · B: needs a system-scoped token · C, D: only while the project exists
DEPENDS ON  waits until that service has ended; ~ does not wait for a stuck service`.slice(1),
    );
  });

  it('names the only resource type of a service that another service waits for', () => {
    const services = [
      service('designate', { resourceTypes: ['designate.ptr-record'] }),
      service('neutron', {
        dependsOn: [
          { type: 'designate.ptr-record', strength: 'preferred', until: 'empty' },
          dependencyOn('heat', 'preferred'),
        ],
      }),
      service('heat', {}),
      service('glance', {}),
    ];
    const text = showServices(
      ServicesShape.parse({ services, httpPlugins: [], uncovered: [], waived: [] }),
      plain,
    );
    expect(text).toMatch(/^neutron .* ~designate\.ptr-record, ~heat /m);
    expect(text).toContain(
      '\n            ~service.type: waits until no resource of that type is left',
    );
  });
});
