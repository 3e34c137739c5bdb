import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import { ALL_PROJECTS_HEADER, optionalText, projectHeader } from './project.ts';

interface ZoneSection {
  readonly zone?: { readonly name: string; readonly email: string } | undefined;
}

const zoneRow = z.object({
  id: z.string(),
  name: z.string(),
  project_id: optionalText,
  status: optionalText,
});
type Zone = z.infer<typeof zoneRow>;
const transferRow = z.object({
  id: z.string(),
  key: z.string(),
  zone_id: optionalText,
  target_project_id: optionalText,
  status: optionalText,
});

/**
 * Provisions a zone of the project. If another project owns the parent zone, Designate permits the
 * new zone only in that project. The run then creates the zone in that project, and transfers it in
 * the next iteration. Each iteration lists the zones to find which steps are complete, also after a
 * crash. The run does not wait until the name servers have the zone.
 */
export const zone: ComparePart<ZoneSection> = async ({ zone: wantedZone }, context) => {
  if (!wantedZone) return [];
  const { project, projectName } = context;
  const item = { type: 'zone', name: wantedZone.name, wanted: wantedZone.name };
  if (projectName === undefined && wantedZone.name.includes('{name}'))
    return [{ ...item, state: 'blocked', message: 'the name of the project is unknown' }];
  const name = wantedZone.name
    .replaceAll('{name}', domainLabel(projectName ?? ''))
    .replaceAll('{id}', project);
  return [await compareZone({ ...item, name, wanted: name }, wantedZone.email, context)];
};

/** Returns the name of a project as one label of a domain name: `My Project` → `my-project`. */
const domainLabel = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);

async function compareZone(
  item: Pick<ProvisionItem, 'type' | 'name' | 'wanted'>,
  email: string,
  context: ProvisionContext,
): Promise<ProvisionItem> {
  const { project } = context;
  const { name } = item;
  const [existingZone] = await zonesNamed(name, context);
  if (existingZone && existingZone.project_id === project)
    return { ...item, state: 'as-wanted', found: existingZone.status ?? name };
  const parentZone = await findParentZone(name, context);
  /** The project in which Designate permits the creation. */
  const creationProject = parentZone?.project_id ?? project;
  if (!existingZone)
    return {
      ...item,
      state: 'missing',
      make: () => createZone(name, email, creationProject, context),
    };
  // An earlier run may have created the zone in the project of the parent zone and not yet
  // transferred it.
  if (existingZone.project_id === creationProject)
    return {
      ...item,
      state: 'missing',
      found: `in project ${creationProject}`,
      make: () => transferZone(existingZone, creationProject, context),
    };
  return {
    ...item,
    state: 'blocked',
    message: `the zone ${name} belongs to project ${existingZone.project_id}`,
    advice:
      'Ask the owner of that project to transfer the zone, or write another zone in the profile.',
  };
}

async function createZone(
  name: string,
  email: string,
  owner: string,
  { api }: ProvisionContext,
): Promise<void> {
  const json = { name, email, type: 'PRIMARY' };
  // A 409 means that the zone exists by now, for example because another run has created it.
  await api.request('POST', '/v2/zones', { json, headers: projectHeader(owner), accept: [409] });
}

async function zonesNamed(name: string, { api }: ProvisionContext): Promise<Zone[]> {
  const { rows } = await api.list('/v2/zones', {
    collection: 'zones',
    row: zoneRow,
    paging: 'next',
    query: { name },
    headers: ALL_PROJECTS_HEADER,
  });
  return rows.filter((row) => row.name === name);
}

/**
 * Returns the nearest parent zone in any project. A top-level domain (`org.`) does not count as a
 * parent zone.
 */
async function findParentZone(name: string, context: ProvisionContext): Promise<Zone | undefined> {
  const labels = name.split('.');
  for (let from = 1; from < labels.length - 2; from += 1) {
    const [parentZone] = await zonesNamed(labels.slice(from).join('.'), context);
    if (parentZone) return parentZone;
  }
  return undefined;
}

/** Transfers a zone to the project. Uses an open request of an earlier run if there is one. */
async function transferZone(
  { id }: Zone,
  owner: string,
  { api, project }: ProvisionContext,
): Promise<void> {
  const { rows } = await api.list('/v2/zones/tasks/transfer_requests', {
    collection: 'transfer_requests',
    row: transferRow,
    paging: 'next',
    headers: projectHeader(owner),
  });
  const openRequest = rows.find(
    (row) => row.zone_id === id && row.target_project_id === project && row.status === 'ACTIVE',
  );
  const request = openRequest ?? (await requestTransfer(id, owner, project, api));
  const json = { key: request.key, zone_transfer_request_id: request.id };
  const headers = projectHeader(project);
  await api.request('POST', '/v2/zones/tasks/transfer_accepts', { json, headers });
}

async function requestTransfer(
  zoneId: string,
  owner: string,
  project: string,
  api: ProvisionContext['api'],
): Promise<z.infer<typeof transferRow>> {
  const path = `/v2/zones/${encodeURIComponent(zoneId)}/tasks/transfer_requests`;
  const json = { target_project_id: project, description: 'provision' };
  const answer = await api.request('POST', path, { json, headers: projectHeader(owner) });
  return transferRow.parse(answer.json);
}
