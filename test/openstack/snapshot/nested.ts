import { type Cloud, Row, rowsOf, text } from '../cloud.ts';
import { emptyIfStatus, IN_ALL_PROJECTS, type ListedResource } from './table.ts';

const resourcesOfType = (found: readonly ListedResource[], resourceType: string) =>
  found.filter((resource) => resource.resourceType === resourceType);

/**
 * Returns resources below listed resources: they have no listing of their own, or one that does not
 * name the owner.
 */
export async function listNested(
  cloud: Cloud,
  found: readonly ListedResource[],
  ofProjects: ReadonlySet<string>,
): Promise<ListedResource[]> {
  const { admin } = cloud;
  const ours = found.filter((resource) => ofProjects.has(resource.owner));
  const forwardings = resourcesOfType(ours, 'neutron.floating-ip').map(async (address) => {
    const rows = await emptyIfStatus([404], () =>
      admin.rows('network', `/floatingips/${address.id}/port_forwardings`, 'port_forwardings'),
    );
    return rows.map((row) => ({
      resourceType: 'neutron.port-forwarding',
      id: text(row, 'id'),
      name: address.id,
      owner: address.owner,
      row,
    }));
  });
  const helpers = resourcesOfType(ours, 'neutron.router').map(async (router) => {
    const rows = await emptyIfStatus([404], () =>
      admin.rows('network', `/routers/${router.id}/conntrack_helpers`, 'conntrack_helpers'),
    );
    return rows.map((row) => ({
      resourceType: 'neutron.conntrack-helper',
      id: text(row, 'id'),
      name: router.id,
      owner: router.owner,
      row,
    }));
  });
  const parts = await Promise.all([
    portsOfRouters(ours, found),
    ...forwardings,
    ...helpers,
    imageMembers(cloud, found),
    attachments(cloud, found),
    deployments(cloud, found),
  ]);
  return parts.flat();
}

/**
 * Gateways, their counterparts in distributed routers, and ports of floating IPs have no owner in
 * Neutron. Their owner is that of their device.
 */
function portsOfRouters(
  ours: readonly ListedResource[],
  found: readonly ListedResource[],
): ListedResource[] {
  const devices = new Map(
    ours
      .filter((one) => /router|floating-ip/.test(one.resourceType))
      .map((one) => [one.id, one.owner]),
  );
  return resourcesOfType(found, 'neutron.port').flatMap((port) => {
    const owner = port.owner === '' ? devices.get(String(port.row.device_id)) : undefined;
    return owner === undefined ? [] : [{ ...port, resourceType: 'neutron.router-port', owner }];
  });
}

/**
 * Returns memberships as resources of the member project: they name it, with an image of any owner.
 */
async function imageMembers(
  cloud: Cloud,
  found: readonly ListedResource[],
): Promise<ListedResource[]> {
  const shared = resourcesOfType(found, 'glance.image').filter(
    (image) => image.row.visibility === 'shared',
  );
  const lists = shared.map(async (image) => {
    const ask = () => cloud.admin.rows('image', `/images/${image.id}/members`, 'members');
    const rows = await emptyIfStatus([404], ask);
    return rows.map((row) => {
      const owner = text(row, 'member_id');
      // The row includes the image's owner: the membership is removed with that project, too.
      return {
        resourceType: 'glance.image-member',
        id: `${image.id}/${owner}`,
        name: image.name,
        owner,
        row: { ...row, image_owner: image.owner },
      };
    });
  });
  return (await Promise.all(lists)).flat();
}

/** Attachments don't show their project: their owner is that of their volume. */
async function attachments(
  cloud: Cloud,
  found: readonly ListedResource[],
): Promise<ListedResource[]> {
  const owners = new Map(
    resourcesOfType(found, 'cinder.volume').map((volume) => [volume.id, volume.owner]),
  );
  const rows = await cloud.admin.rows('volume', '/attachments/detail?all_tenants=1', 'attachments');
  return rows.map((row) => {
    const volume = text(row, 'volume_id');
    return {
      resourceType: 'cinder.attachment',
      id: text(row, 'id'),
      name: volume,
      owner: owners.get(volume) ?? '',
      row,
    };
  });
}

/** Deployments of Heat don't show their project: their owner is that of their configuration. */
async function deployments(
  cloud: Cloud,
  found: readonly ListedResource[],
): Promise<ListedResource[]> {
  if (!cloud.admin.has('orchestration')) return [];
  const owners = new Map(
    resourcesOfType(found, 'heat.software-config').map((config) => [config.id, config.owner]),
  );
  const rows = await cloud.admin.rows(
    'orchestration',
    '/software_deployments',
    'software_deployments',
  );
  return rows.map((row) => {
    const config = text(row, 'config_id');
    return {
      resourceType: 'heat.software-deployment',
      id: text(row, 'id'),
      name: config,
      owner: owners.get(config) ?? '',
      row,
    };
  });
}

/** Returns access to private flavors and volume types, and the default volume types. */
export async function listAccess(cloud: Cloud): Promise<ListedResource[]> {
  const { admin } = cloud;
  const flavors = await admin.rows('compute', '/flavors/detail?is_public=none', 'flavors');
  const types = await admin.rows('volume', '/types?is_public=None', 'volume_types');
  const flavorAccess = flavors
    .filter((flavor) => flavor['os-flavor-access:is_public'] === false)
    .map(async (flavor) => {
      const id = text(flavor, 'id');
      const rows = await emptyIfStatus([404], () =>
        admin.rows('compute', `/flavors/${id}/os-flavor-access`, 'flavor_access'),
      );
      return rows.map((row) =>
        accessResource('nova.flavor-access', id, text(row, 'tenant_id'), row, text(flavor, 'name')),
      );
    });
  const typeAccess = types
    .filter((type) => type.is_public === false)
    .map(async (type) => {
      const id = text(type, 'id');
      const rows = await emptyIfStatus([404], () =>
        admin.rows('volume', `/types/${id}/os-volume-type-access`, 'volume_type_access'),
      );
      return rows.map((row) =>
        accessResource('cinder.type-access', id, text(row, 'project_id'), row, text(type, 'name')),
      );
    });
  const withoutProject = admin.endpoint('volume').replace(`/${admin.projectId}`, '');
  const defaults = emptyIfStatus([404, 406], () =>
    admin.rows('volume', `${withoutProject}/default-types`, 'default_types'),
  ).then((rows) =>
    rows.map((row) =>
      accessResource(
        'cinder.default-type',
        'default',
        text(row, 'project_id'),
        row,
        text(row, 'volume_type_id'),
      ),
    ),
  );
  const shares = admin.has('share')
    ? [shareAccess(cloud, 'share'), shareAccess(cloud, 'share_group')]
    : [];
  return (await Promise.all([...flavorAccess, ...typeAccess, defaults, ...shares])).flat();
}

/** Returns access to private share types and share group types. */
async function shareAccess(
  { admin }: Cloud,
  of: 'share' | 'share_group',
): Promise<ListedResource[]> {
  const [path, below, resourceType] =
    of === 'share'
      ? ['/types', 'share_type_access', 'manila.type-access']
      : ['/share-group-types', 'access', 'manila.group-type-access'];
  const types = await admin.rows('share', `${path}?is_public=false`, `${of}_types`);
  const lists = types.map(async (type) => {
    const id = text(type, 'id');
    const rows = await emptyIfStatus([404], () =>
      admin.rows('share', `${path}/${id}/${below}`, `${of}_type_access`),
    );
    return rows.map((row) =>
      accessResource(resourceType, id, text(row, 'project_id'), row, text(type, 'name')),
    );
  });
  return (await Promise.all(lists)).flat();
}

const accessResource = (
  resourceType: string,
  id: string,
  owner: string,
  row: Row,
  name: string,
): ListedResource => ({
  resourceType,
  id: `${id}/${owner}`,
  name,
  owner,
  row,
});

/**
 * Returns quotas that differ from the default, and the usage in Placement. Both can be requested
 * for a project that Keystone no longer has.
 */
export async function listQuotas(cloud: Cloud, projectId: string): Promise<ListedResource[]> {
  const { admin } = cloud;
  const quotaResource = (resourceType: string, row: Row): ListedResource => ({
    resourceType,
    id: projectId,
    name: '',
    owner: projectId,
    row,
  });
  const found: ListedResource[] = [];
  const classes = Row.parse(
    (await admin.call('compute', 'GET', '/os-quota-class-sets/default')).json,
  ).quota_class_set;
  const limits = Row.parse(
    Row.parse((await admin.call('compute', 'GET', `/limits?tenant_id=${projectId}`)).json).limits,
  ).absolute;
  const standard = Row.parse(classes);
  const actual = Row.parse(limits);
  const pairs = {
    maxTotalInstances: 'instances',
    maxTotalCores: 'cores',
    maxTotalRAMSize: 'ram',
    maxServerGroups: 'server_groups',
  };
  const changed = Object.entries(pairs).filter(([limit, name]) => actual[limit] !== standard[name]);
  if (changed.length > 0)
    found.push(
      quotaResource(
        'nova.quota',
        Object.fromEntries(changed.map(([limit]) => [limit, actual[limit]])),
      ),
    );
  const cinder = async (path: string) =>
    Row.parse(Row.parse((await admin.call('volume', 'GET', path)).json).quota_set);
  const own = await cinder(`/os-quota-sets/${projectId}`);
  const usual = await cinder('/os-quota-class-sets/default').catch(async () =>
    cinder(`/os-quota-sets/${projectId}/defaults`),
  );
  const differing = Object.entries(own).filter(
    ([key, value]) => key !== 'id' && key in usual && usual[key] !== value,
  );
  if (differing.length > 0)
    found.push(quotaResource('cinder.quota', Object.fromEntries(differing)));
  if (admin.has('load-balancer')) {
    // The row itself stays because it counts the usage.
    const [row] = await admin.rows(
      'load-balancer',
      `/lbaas/quotas?project_id=${projectId}`,
      'quotas',
    );
    // Octavia 2026.2 writes the defaults into the row at each read and deletion of a quota.
    const path = `/lbaas/quotas/${projectId}/default`;
    const standard = Row.parse(
      Row.parse((await admin.call('load-balancer', 'GET', path)).json).quota,
    );
    const limited = Object.entries(row ?? {}).filter(
      ([name, value]) => typeof value === 'number' && value !== standard[name],
    );
    if (limited.length > 0) found.push(quotaResource('octavia.quota', Object.fromEntries(limited)));
  }
  if (admin.has('dns')) {
    const headers = IN_ALL_PROJECTS;
    const limitsOf = async (id: string) =>
      Row.parse((await admin.call('dns', 'GET', `/quotas/${id}`, { headers })).json);
    const [limits, others] = await Promise.all([
      limitsOf(projectId),
      limitsOf('a-project-that-is-not-there'),
    ]);
    const set = Object.entries(limits).filter(([key, value]) => others[key] !== value);
    if (set.length > 0) found.push(quotaResource('designate.quota', Object.fromEntries(set)));
  }
  if (admin.has('share')) {
    const manila = async (path: string) =>
      Row.parse(Row.parse((await admin.call('share', 'GET', path)).json).quota_set);
    const [limits, defaults] = await Promise.all([
      manila(`/quota-sets/${projectId}`),
      manila(`/quota-sets/${projectId}/defaults`),
    ]);
    const set = Object.entries(limits).filter(([key, value]) => defaults[key] !== value);
    if (set.length > 0) found.push(quotaResource('manila.quota', Object.fromEntries(set)));
  }
  if (admin.has('placement')) {
    const { json } = await admin.call('placement', 'GET', `/usages?project_id=${projectId}`);
    const usages = Row.parse(Row.parse(json).usages);
    if (Object.keys(usages).length > 0) found.push(quotaResource('placement.usage', usages));
  }
  return found;
}

/**
 * Returns role assignments and application credentials that name a project. The users are those
 * that had a role there: no API lists the others.
 */
export async function listKeystoneResources(
  cloud: Cloud,
  projectId: string,
  userIds: readonly string[],
): Promise<ListedResource[]> {
  const { admin } = cloud;
  const { json } = await admin.call(
    'identity',
    'GET',
    `/role_assignments?scope.project.id=${projectId}`,
  );
  const assignments = rowsOf(json, 'role_assignments').map((row) => {
    const { links: _links, ...rest } = row;
    return {
      resourceType: 'keystone.role-assignment',
      id: JSON.stringify(rest),
      name: '',
      owner: projectId,
      row: rest,
    };
  });
  const credentials = userIds.map(async (user) => {
    const ask = () =>
      admin.rows('identity', `/users/${user}/application_credentials`, 'application_credentials');
    const rows = await emptyIfStatus([404], ask);
    return rows
      .filter((row) => row.project_id === projectId)
      .map((row) => ({
        resourceType: 'keystone.application-credential',
        id: text(row, 'id'),
        name: text(row, 'name'),
        owner: projectId,
        row,
      }));
  });
  return [...assignments, ...(await Promise.all(credentials)).flat()];
}
