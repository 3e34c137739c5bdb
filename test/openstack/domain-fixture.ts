import * as z from 'zod';
import { type Row, type Session, text } from './cloud.ts';
import type { CloudFixture } from './cloud-fixture.ts';
import { make } from './populate/seed.ts';

/** The resources that a test adds to the domain of a customer, in addition to its flat projects. */
export interface DomainContents {
  /** Ids of the two nested projects: `middle` is below `top`, `leaf` below `middle`. */
  readonly nested: Readonly<Record<'middle' | 'leaf', string>>;
  readonly roleId: string;
  readonly limitId: string;
  /** Id of the identity provider and of its mapping. */
  readonly federation: string;
  /** Removes the entries that belong to no domain. */
  remove(): Promise<void>;
}

const limitsAnswer = z.object({ limits: z.array(z.object({ id: z.string() })).min(1) });
const registeredLimitsAnswer = z.object({
  registered_limits: z.array(z.object({ id: z.string() })).min(1),
});

/** Creates a network with a subnet, and a security group. */
async function createNetwork(as: Session, name: string, more: object): Promise<void> {
  const network = await make(as, 'network', '/networks', 'network', { name, ...more });
  const cidr = '10.9.0.0/24';
  const subnet = { name, network_id: network.id, cidr, ip_version: 4, ...more };
  await make(as, 'network', '/subnets', 'subnet', subnet);
  await make(as, 'network', '/security-groups', 'security_group', { name, ...more });
}

const createSecret = (as: Session, name: string) =>
  as.call('key-manager', 'POST', '/secrets', {
    json: { name, payload: 'not very secret', payload_content_type: 'text/plain' },
  });

/**
 * Adds to the domain of a fixture with the projects `vault`, `held` and `top`: two nested projects,
 * secrets, networks, a volume, and one entry of each type that Keystone holds of a domain.
 */
export async function fillDomain(fixture: CloudFixture): Promise<DomainContents> {
  const { admin } = fixture.cloud;
  const { domainId: domain_id, prefix: name, member, projects } = fixture.customer;
  const sessionOf = (wanted: string): Session => {
    const found = projects.find((project) => project.name === wanted);
    if (!found) throw new Error(`no project ${wanted}`);
    return found.session;
  };
  const identity = (path: string, key: string, body: object) =>
    make(admin, 'identity', path, key, body);
  const roles = await admin.rows('identity', '/roles', 'roles');
  const grant = async (project: string): Promise<Session> => {
    for (const role of roles.filter((row) => ['member', 'creator'].includes(text(row, 'name')))) {
      const path = `/projects/${project}/users/${member.id}/roles/${text(role, 'id')}`;
      await admin.call('identity', 'PUT', path);
    }
    return fixture.cloud.logInAs(member, project);
  };
  const createChildProject = async (parent_id: string, last: string) =>
    (await identity('/projects', 'project', { name: `${name}-${last}`, domain_id, parent_id })).id;

  const middle = await createChildProject(fixture.idOf('top'), 'middle');
  const leaf = await createChildProject(middle, 'leaf');
  const middleSession = await grant(middle);
  await grant(leaf);
  const system = await fixture.cloud.adminSessionWith({ system: { all: true } });
  const services = await admin.rows('identity', '/services', 'services');
  const compute = services.find((row: Row) => row.type === 'compute');
  const service_id = text(compute, 'id');
  const limit = { service_id, resource_name: name };
  const { json: registration } = await system.call('identity', 'POST', '/registered_limits', {
    json: { registered_limits: [{ ...limit, default_limit: 5 }] },
  });
  const [registeredLimit] = registeredLimitsAnswer.parse(registration).registered_limits;
  const federation = `${name}-idp`;
  const put = (path: string, json: object) => admin.call('identity', 'PUT', path, { json });
  const provider = `/OS-FEDERATION/identity_providers/${federation}`;
  const mapping = `/OS-FEDERATION/mappings/${federation}`;
  const rules = [{ local: [{ user: { name: '{0}' } }], remote: [{ type: 'UserName' }] }];
  const createFederation = async () => {
    await put(provider, { identity_provider: { domain_id, enabled: false } });
    await put(mapping, { mapping: { rules } });
    await put(`${provider}/protocols/saml2`, { protocol: { mapping_id: federation } });
  };
  const createLimit = async () => {
    const json = { limits: [{ ...limit, resource_limit: 4, domain_id }] };
    const reply = await system.call('identity', 'POST', '/limits', { json });
    return limitsAnswer.parse(reply.json).limits[0]?.id ?? '';
  };
  const volume = { name: `${name}-data`, size: 1 };
  const [role, limitId] = await Promise.all([
    identity('/roles', 'role', { name: `${name}-keeper`, domain_id }),
    createLimit(),
    createFederation(),
    put(`/domains/${domain_id}/config`, { config: { identity: { list_limit: 1000 } } }),
    createNetwork(admin, `${name}-inner`, { project_id: leaf }),
    createNetwork(sessionOf('held'), `${name}-inner`, {}),
    make(middleSession, 'volume', '/volumes', 'volume', volume),
    ...(admin.has('key-manager')
      ? ['vault', 'held', 'top'].map((one) => createSecret(sessionOf(one), `${name}-plain`))
      : []),
  ]);
  return {
    nested: { middle, leaf },
    roleId: role.id,
    limitId,
    federation,
    async remove() {
      const accept = [404];
      for (const path of [`/limits/${limitId}`, `/registered_limits/${registeredLimit?.id}`])
        await system.call('identity', 'DELETE', path, { accept });
      for (const path of [provider, mapping, `/roles/${role.id}`])
        await admin.call('identity', 'DELETE', path, { accept });
    },
  };
}
