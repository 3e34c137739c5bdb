import { CLOUD_SECONDS, type Row, Row as RowSchema, text, until } from '../cloud.ts';
import type { SeedProject } from './seed.ts';

/** Names of zones are unique in a cloud, so each project has its own. */
const topOf = ({ prefix, project }: SeedProject): string => `${prefix}-${project.name}.example.`;

async function send(
  { member }: SeedProject,
  path: string,
  json?: object,
): Promise<Row & { id: string }> {
  const row = RowSchema.parse(
    (await member.call('dns', 'POST', path, json === undefined ? {} : { json })).json,
  );
  return { ...row, id: text(row, 'id') };
}

const zone = async (seedProject: SeedProject, name: string): Promise<string> => {
  const { id } = await send(seedProject, '/zones', { name, email: 'hostmaster@example.com' });
  return settled(seedProject, `zone ${name}`, `/zones/${id}`, 'ACTIVE');
};

const settled = (
  { member }: SeedProject,
  what: string,
  path: string,
  wanted: string,
): Promise<string> =>
  until(`${what} is ${wanted}`, CLOUD_SECONDS, async () => {
    const { json } = await member.call('dns', 'GET', path);
    return text(json, 'status') === wanted ? text(json, 'id') : undefined;
  });

/**
 * Creates a zone with records, a zone below it, an imported zone, an export, an open transfer
 * request of a zone, and limits of the project.
 */
export async function fullDns(seedProject: SeedProject): Promise<void> {
  const { admin, project } = seedProject;
  const top = topOf(seedProject);
  const main = await zone(seedProject, top);
  const address = (name: string) =>
    send(seedProject, `/zones/${main}/recordsets`, { name, type: 'A', records: ['192.0.2.7'] });
  await Promise.all([
    zone(seedProject, `child.${top}`),
    address(`www.${top}`),
    address(`*.${top}`),
    imported(seedProject),
    send(seedProject, `/zones/${main}/tasks/export`).then(({ id }) =>
      settled(seedProject, 'export', `/zones/tasks/exports/${id}`, 'COMPLETE'),
    ),
    send(seedProject, `/zones/${main}/tasks/transfer_requests`, {}),
    admin.call('dns', 'PATCH', `/quotas/${project.id}`, {
      json: { zones: 77 },
      headers: { 'x-auth-all-projects': 'true' },
    }),
  ]);
  await settled(seedProject, `zone ${top}`, `/zones/${main}`, 'ACTIVE');
}

async function imported(seedProject: SeedProject): Promise<void> {
  const name = `${seedProject.prefix}-${seedProject.project.name}-imported.example.`;
  const soa = `${name} 3600 IN SOA ns1.example. hostmaster.example. 1 3600 600 86400 3600`;
  const body = [`$ORIGIN ${name}`, soa, `www.${name} 3600 IN A 192.0.2.8`, ''].join('\n');
  const { json } = await seedProject.member.call('dns', 'POST', '/zones/tasks/imports', {
    body,
    headers: { 'content-type': 'text/dns' },
  });
  await settled(seedProject, 'import', `/zones/tasks/imports/${text(json, 'id')}`, 'COMPLETE');
}

/** The floating IPs of the project must exist before. */
export async function reverseDns(seedProject: SeedProject): Promise<void> {
  const [first] = await seedProject.member.rows('dns', '/reverse/floatingips', 'floatingips');
  if (first === undefined)
    throw new Error(`${seedProject.project.name} has no floating IP for a PTR record`);
  const path = `/reverse/floatingips/${text(first, 'id')}`;
  await seedProject.member.call('dns', 'PATCH', path, {
    json: { ptrdname: `www.${topOf(seedProject)}` },
  });
  await settled(seedProject, 'PTR record', path, 'ACTIVE');
}
