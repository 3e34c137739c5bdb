import { CLOUD_SECONDS, Row, rowsOf, text, until } from '../cloud.ts';
import { createIfSupported, prefixedName, Refused, type SeedProject } from './seed.ts';

const template = (resources: object): object => ({
  heat_template_version: '2018-08-31',
  resources,
});
const NETWORK = { type: 'OS::Neutron::Net' };
const RANDOM = { type: 'OS::Heat::RandomString' };
const INNER = 'inner.yaml';
const files = { [INNER]: JSON.stringify(template({ network: NETWORK, random: RANDOM })) };
/** Stacks nested two levels deep. */
const group = (more: object = {}) => ({
  type: 'OS::Heat::ResourceGroup',
  properties: { count: 2, resource_def: { type: INNER } },
  ...more,
});

/** Creates a stack and waits until it is complete. */
async function stack(
  seedProject: SeedProject,
  name: string,
  resources: object,
): Promise<{ readonly path: string }> {
  const stack_name = prefixedName(seedProject, name);
  const json = { stack_name, template: template(resources), files, timeout_mins: 10 };
  const id = text(
    (await seedProject.member.call('orchestration', 'POST', '/stacks', { json })).json,
    'stack',
    'id',
  );
  const path = `/stacks/${stack_name}/${id}`;
  await until(`stack ${name} stands`, CLOUD_SECONDS, async () => {
    const shown = Row.parse((await seedProject.member.call('orchestration', 'GET', path)).json);
    const status = text(shown, 'stack', 'stack_status');
    if (status === 'CREATE_FAILED') throw new Refused(text(shown, 'stack', 'stack_status_reason'));
    return status === 'CREATE_COMPLETE' ? true : undefined;
  });
  return { path };
}

/** Deletes a stack whose nested stacks are retained. Afterwards no listing of roots shows them. */
async function outlived(seedProject: SeedProject): Promise<void> {
  const { path } = await stack(seedProject, 'retained', {
    group: group({ deletion_policy: 'Retain' }),
  });
  await seedProject.member.call('orchestration', 'DELETE', path);
  await until('the parent of what is kept is gone', CLOUD_SECONDS, async () => {
    const { json } = await seedProject.member.call(
      'orchestration',
      'GET',
      `/stacks?id=${path.split('/').at(-1)}`,
    );
    return rowsOf(json, 'stacks').length === 0 ? true : undefined;
  });
}

/** Creates a configuration and a deployment that are in no stack. */
async function software(seedProject: SeedProject): Promise<void> {
  const config = { name: prefixedName(seedProject, 'config'), group: 'script', config: 'true' };
  const made = await seedProject.member.call('orchestration', 'POST', '/software_configs', {
    json: config,
  });
  const json = {
    config_id: text(made.json, 'software_config', 'id'),
    server_id: seedProject.project.id,
    action: 'CREATE',
    status: 'COMPLETE',
    status_reason: '',
  };
  await seedProject.member.call('orchestration', 'POST', '/software_deployments', { json });
}

/**
 * Creates stacks as the member: a plain one, a nested one, one whose resources Heat finds by name,
 * and one that outlived its parent. Also creates software configurations.
 */
export async function fullStacks(seedProject: SeedProject): Promise<void> {
  const { member, project } = seedProject;
  // A keypair belongs to the user, and all projects have the same user.
  const key = {
    type: 'OS::Nova::KeyPair',
    properties: { name: prefixedName(seedProject, `${project.name}-key`), public_key: PUBLIC_KEY },
  };
  const container = {
    type: 'OS::Swift::Container',
    properties: { name: prefixedName(seedProject, 'of-a-stack') },
  };
  await createIfSupported(seedProject, 'heat.stack', () =>
    Promise.all([
      stack(seedProject, 'plain', { network: NETWORK, random: RANDOM }),
      stack(seedProject, 'group', { group: group() }),
      stack(seedProject, 'by-name', { key, ...(member.has('object') ? { container } : {}) }),
      outlived(seedProject),
    ]),
  );
  await createIfSupported(seedProject, 'heat.software-config', () => software(seedProject));
}

const PUBLIC_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDER2YIiuNeWdhCH5cP5bz/3WV4k6RmCJnfRooHXBCl5 test';
