import { randomBytes } from 'node:crypto';
import { type Cloud, type Row, rowsOf, type Session, text } from '../cloud.ts';
import { make } from '../populate/seed.ts';

/**
 * A project in its own domain, its plain member, and the steps that remove everything created for
 * it.
 */
export interface SeedProject {
  readonly cloud: Cloud;
  readonly domainId: string;
  readonly projectId: string;
  readonly member: Session;
  /**
   * The steps that remove the project again, in reverse order. A failed step does not stop the
   * others.
   */
  readonly undo: (() => Promise<unknown>)[];
}

/**
 * Creates the projects of a customer and of a control project, both with the same resource names.
 */
export async function targetAndControl(
  cloud: Cloud,
): Promise<{ customer: SeedProject; control: SeedProject }> {
  const [customer, control] = await Promise.all([seedProject(cloud), seedProject(cloud)]);
  return { customer, control };
}

async function seedProject(cloud: Cloud): Promise<SeedProject> {
  const { admin } = cloud;
  const prefix = `kp-${randomBytes(3).toString('hex')}`;
  const password = randomBytes(12).toString('base64url');
  const domain = await make(admin, 'identity', '/domains', 'domain', { name: prefix });
  const inDomain = { domain_id: domain.id };
  const [project, user] = await Promise.all([
    make(admin, 'identity', '/projects', 'project', { name: 'production', ...inDomain }),
    make(admin, 'identity', '/users', 'user', { name: `${prefix}-member`, password, ...inDomain }),
  ]);
  await admin.call(
    'identity',
    'PUT',
    `/projects/${project.id}/users/${user.id}/roles/${await roleId(cloud, 'member')}`,
  );
  const undo = [
    async () => {
      await admin.call('identity', 'PATCH', `/domains/${domain.id}`, {
        json: { domain: { enabled: false } },
      });
      await admin.call('identity', 'DELETE', `/domains/${domain.id}`);
    },
  ];
  return {
    cloud,
    domainId: domain.id,
    projectId: project.id,
    member: await cloud.logInAs({ id: user.id, password }, project.id),
    undo,
  };
}

const roleId = async ({ admin }: Cloud, name: string): Promise<string> => {
  const { json } = await admin.call('identity', 'GET', `/roles?name=${name}`);
  return text(rowsOf(json, 'roles')[0] ?? {}, 'id');
};

/**
 * Gives the administrator a role on the project, as an operation does for an existing project.
 * Returns a function that revokes it.
 */
export async function grantAdmin({
  cloud,
  projectId,
}: SeedProject): Promise<() => Promise<unknown>> {
  const path = `/projects/${projectId}/users/${cloud.admin.userId}/roles/${await roleId(cloud, 'admin')}`;
  await cloud.admin.call('identity', 'PUT', path);
  return () => cloud.admin.call('identity', 'DELETE', path, { accept: [404] });
}

export async function removeProjects(...plots: readonly SeedProject[]): Promise<void> {
  for (const { undo } of plots)
    for (const step of undo.reverse())
      await step().catch((error: unknown) =>
        console.log(`left behind: ${error instanceof Error ? error.message : error}`),
      );
}

/** Returns a row with sorted keys and without fields that the service changes without a request. */
export function stableRow(row: Row): Row {
  const moving = ['updated_at', 'age', 'links', 'evaluate_timestamp', 'reservation'];
  return Object.fromEntries(
    Object.entries(row)
      .filter(([key]) => !moving.includes(key))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
