import { randomBytes, randomUUID } from 'node:crypto';
import { ProjectId } from '../../events/ids.ts';
import type { Phase } from '../../events/service.ts';
import { coverageOf } from '../../lib/operation/coverage.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { neutron } from '../../lib/services/neutron.ts';
import { createMemoize } from '../../lib/task/memoize.ts';
import { runProjectCleanup } from '../../lib/task/run.ts';
import { Confirmation } from '../../lib/task/safety-rules.ts';
import type { Service } from '../../lib/task/service.ts';
import { databaseSocket, query, readColumns } from '../docs/project-columns/columns.ts';
import { Cloud, rowsOf, text } from './cloud.ts';
import { readCredentials } from './credentials.ts';
import { make } from './populate/seed.ts';
import { connectPropagator } from './propagator-runs.ts';

/**
 * Safety rule: listing must not create. An administrator with a new project of its own plans all
 * services for a project that never existed. Afterwards the tables of all services are searched for
 * both projects: any row that names one of them was created by the listings.
 */
const socket = databaseSocket(process.env);

/** Returns `schema.table.column` of every column that holds this id, with the number of rows. */
async function rowsNaming(id: string): Promise<Record<string, number>> {
  if (socket === undefined) return {};
  const schemas = await query(
    socket,
    `SELECT table_schema, table_name, column_name FROM information_schema.columns
     WHERE table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
       AND data_type IN ('varchar', 'char') AND column_name REGEXP
       '(^|_)(project|tenant|owner|lessee)(_|$)|^(external_id|scope_key)$'`,
  );
  const counts = schemas.map(
    ([schema, table, column]) =>
      `SELECT '${schema}.${table}.${column}', COUNT(*) AS n
       FROM \`${schema}\`.\`${table}\` WHERE \`${column}\` = '${id}' HAVING n > 0`,
  );
  const found = await query(socket, counts.join(' UNION ALL '));
  return Object.fromEntries(found.map(([where = '', count]) => [where, Number(count)]));
}

/**
 * Neutron creates the group `default` for the project of every token that lists security groups or
 * their rules, and FWaaS a default firewall group; no filter prevents it. The cleaner names its own
 * project first, so that no other project gets one (lib/services/neutron/collection.ts). The rows
 * in Keystone are the cleaner's login. Barbican adds a row for every project whose token it
 * receives.
 */
const OWN = new RegExp(
  [
    '^keystone\\.',
    '^barbican\\.projects\\.',
    '^neutron\\.(security|default_security|firewall_|default_firewall_|quotausages)',
  ].join('|'),
);

async function run(
  cleaner: ReturnType<typeof connectPropagator>,
  service: Service,
  region: string,
  project: ProjectId,
  phase: Phase,
): Promise<void> {
  const api = await cleaner.api(service, region);
  if (!api) return;
  const nothing = { apiOf: async () => undefined, members: undefined, projectApi: undefined };
  await runProjectCleanup({
    service,
    context: { region, api, project, ...nothing, now: Date.now, memoize: createMemoize() },
    phase,
    confirmation: Confirmation.fromRequest(project, Date.now()),
    deadline: Date.now() + 60_000,
  });
}

it('a listing creates no row in the listed project, and only known rows in the project of the propagator', async () => {
  if (socket === undefined)
    return console.log('no database: name its socket with OPENSTACK_TEST_DATABASE');
  expect(Object.keys(await readColumns(socket)).length).toBeGreaterThan(5);
  const { admin } = await Cloud.connect();
  const name = `kp-${randomBytes(3).toString('hex')}-listing`;
  const password = randomBytes(12).toString('base64url');
  const domain_id = 'default';
  const own = await make(admin, 'identity', '/projects', 'project', { name, domain_id });
  const user = await make(admin, 'identity', '/users', 'user', { name, password, domain_id });
  const { json } = await admin.call('identity', 'GET', '/roles?name=admin');
  const role = text(rowsOf(json, 'roles')[0], 'id');
  await admin.call('identity', 'PUT', `/projects/${own.id}/users/${user.id}/roles/${role}`);
  await admin.call('identity', 'PUT', `/system/users/${user.id}/roles/${role}`);
  const cleaner = connectPropagator({
    OS_AUTH_URL: readCredentials(process.env).authUrl,
    OS_USERNAME: name,
    OS_PASSWORD: password,
    OS_PROJECT_NAME: name,
    OS_USER_DOMAIN_ID: domain_id,
    OS_PROJECT_DOMAIN_ID: domain_id,
  });
  const project = ProjectId.parse(randomUUID().replaceAll('-', ''));
  try {
    const asked: string[] = [];
    const coverage = coverageOf(await cleaner.registry(), SERVICES);
    for (const service of SERVICES.filter(({ catalogTypes }) => catalogTypes.length > 0))
      for (const region of coverage.ofService(service).regions) {
        await run(cleaner, service, region, project, 'plan');
        asked.push(service.name);
      }
    expect(asked).toEqual(expect.arrayContaining(['nova', 'cinder', 'neutron', 'glance']));
    expect(await rowsNaming(project)).toEqual({});
    const ofOwn = await rowsNaming(own.id);
    expect(Object.keys(ofOwn).filter((where) => !OWN.test(where))).toEqual([]);
    expect(ofOwn['neutron.securitygroups.project_id'] ?? 0).toBeLessThanOrEqual(1);
  } finally {
    await cleaner.close();
    await admin.call('identity', 'DELETE', `/users/${user.id}`);
    await admin.call('identity', 'DELETE', `/projects/${own.id}`);
    const administrator = connectPropagator();
    const coverage = coverageOf(await administrator.registry(), SERVICES);
    for (const region of coverage.ofService(neutron).regions)
      await run(administrator, neutron, region, ProjectId.parse(own.id), 'apply');
    await administrator.close();
  }
});
