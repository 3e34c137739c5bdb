import { type Row, Row as RowSchema, text, until } from '../cloud.ts';
import type { Plot } from './plot.ts';

/** Names of zones are unique in a cloud: each project has its own. */
const topOf = ({ prefix, project }: Plot): string => `${prefix}-${project.name}.example.`;

async function send({ member }: Plot, path: string, json?: object): Promise<Row & { id: string }> {
  const row = RowSchema.parse((await member.call('dns', 'POST', path, json === undefined ? {} : { json })).json);
  return { ...row, id: text(row, 'id') };
}

const zone = async (plot: Plot, name: string): Promise<string> => {
  const { id } = await send(plot, '/zones', { name, email: 'hostmaster@example.com' });
  return settled(plot, `zone ${name}`, `/zones/${id}`, 'ACTIVE');
};

const settled = ({ member }: Plot, what: string, path: string, wanted: string): Promise<string> =>
  until(`${what} is ${wanted}`, 120, async () => {
    const { json } = await member.call('dns', 'GET', path);
    return text(json, 'status') === wanted ? text(json, 'id') : undefined;
  });

/** A zone with records, one below it, one that was imported, an export, an open offer of a zone, and limits of its own. */
export async function fullDns(plot: Plot): Promise<void> {
  const { admin, project } = plot;
  const top = topOf(plot);
  const main = await zone(plot, top);
  const address = (name: string) => send(plot, `/zones/${main}/recordsets`, { name, type: 'A', records: ['192.0.2.7'] });
  await Promise.all([
    zone(plot, `child.${top}`),
    address(`www.${top}`),
    address(`*.${top}`),
    imported(plot),
    send(plot, `/zones/${main}/tasks/export`).then(({ id }) => settled(plot, 'export', `/zones/tasks/exports/${id}`, 'COMPLETE')),
    send(plot, `/zones/${main}/tasks/transfer_requests`, {}),
    admin.call('dns', 'PATCH', `/quotas/${project.id}`, { json: { zones: 77 }, headers: { 'x-auth-all-projects': 'true' } }),
  ]);
  await settled(plot, `zone ${top}`, `/zones/${main}`, 'ACTIVE');
}

async function imported(plot: Plot): Promise<void> {
  const name = `${plot.prefix}-${plot.project.name}-imported.example.`;
  const soa = `${name} 3600 IN SOA ns1.example. hostmaster.example. 1 3600 600 86400 3600`;
  const body = [`$ORIGIN ${name}`, soa, `www.${name} 3600 IN A 192.0.2.8`, ''].join('\n');
  const { json } = await plot.member.call('dns', 'POST', '/zones/tasks/imports', { body, headers: { 'content-type': 'text/dns' } });
  await settled(plot, 'import', `/zones/tasks/imports/${text(json, 'id')}`, 'COMPLETE');
}

/** The floating IPs of the project must be there. */
export async function reverseDns(plot: Plot): Promise<void> {
  const [first] = await plot.member.rows('dns', '/reverse/floatingips', 'floatingips');
  if (first === undefined) throw new Error(`${plot.project.name} has no floating IP for a PTR record`);
  const path = `/reverse/floatingips/${text(first, 'id')}`;
  await plot.member.call('dns', 'PATCH', path, { json: { ptrdname: `www.${topOf(plot)}` } });
  await settled(plot, 'PTR record', path, 'ACTIVE');
}
