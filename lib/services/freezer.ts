import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import {
  defineService,
  defineType,
  type ProjectContext,
  type Removal,
  type ResourceTypeFactory,
  type ServiceApi,
} from '../task/service.ts';

/**
 * Returns the API with a token on the project if there is one. With such a token, Freezer also
 * removes the trust of a job from Keystone. With another token, this removal fails, and Freezer
 * only logs the failure.
 */
const preferredApi = ({
  api,
  projectApi,
}: Pick<ProjectContext, 'api' | 'projectApi'>): ServiceApi => projectApi ?? api;
const pathOf = (project: string, collection: string, id?: string): string => {
  const path = `/v2/${encodeURIComponent(project)}/${collection}`;
  return id === undefined ? path : `${path}/${encodeURIComponent(id)}`;
};

const homeDocument = z.object({ resources: z.record(z.string(), z.unknown()) });

/**
 * Throws class `Unsupported` if Freezer is older than 2026.2. Such a release silently lists and
 * deletes only the resources of the caller. Freezer shows no version number, but since 2026.2 its
 * home document has a link to single jobs.
 */
async function assertListsAllOwners({
  region,
  memoize,
  ...context
}: ProjectContext): Promise<void> {
  const home = await memoize('freezer.home', async () =>
    homeDocument.parse((await preferredApi(context).request('GET', '/v2/')).json),
  );
  if ('rel/job' in home.resources) return;
  throw new PropagatorError({
    code: 'freezer.hidden',
    class: 'Unsupported',
    message:
      'this Freezer (before 2026.2) lists only the resources that the caller created; ' +
      'jobs that still run, sessions, clients and records of backups may remain',
    advice:
      'For this project, set deleted = 1 on its rows in the Freezer database. For later ' +
      'projects, upgrade Freezer, or ask the members to delete their jobs before the project ' +
      'is deleted.',
    service: 'freezer',
    region,
  });
}

/**
 * Returns the documents of one collection that belong to the project. Freezer ignores the project
 * in the path. To an administrator it lists the jobs of the whole cloud. To every user it lists the
 * central clients of other projects, which are schedulers that work for all projects.
 */
async function documentsOf<Row extends { readonly project_id?: string | null | undefined }>(
  context: ProjectContext,
  collection: string,
  row: z.ZodType<Row>,
): Promise<Row[]> {
  await assertListsAllOwners(context);
  const { rows } = await preferredApi(context).list(pathOf(context.project, collection), {
    collection,
    row,
    paging: 'offset',
  });
  return rows.filter((one) => one.project_id === context.project || one.project_id === undefined);
}

const optionalOwner = z.string().nullish();
const jobRow = z.object({
  job_id: z.string(),
  project_id: optionalOwner,
  description: z.string().nullish(),
  job_schedule: z.object({ status: z.string().nullish(), event: z.string().nullish() }).nullish(),
});

/**
 * Jobs. They are removed first, because they create backups. If a running job were deleted, the
 * scheduler on the client's machine would still complete its backup. A running job is therefore
 * first aborted. The next iteration removes the job, even if the scheduler has not yet ended it.
 */
const job = defineType<z.infer<typeof jobRow>>({
  name: 'job',
  list: (context) => documentsOf(context, 'jobs', jobRow),
  id: (row) => row.job_id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.description ?? undefined,
  async remove(row, context): Promise<Removal> {
    const jobPath = pathOf(context.project, 'jobs', row.job_id);
    if (row.job_schedule?.status === 'running' && row.job_schedule.event !== 'abort') {
      await preferredApi(context).request('POST', `${jobPath}/event`, { json: { abort: null } });
      return { kind: 'accepted' };
    }
    await preferredApi(context).request('DELETE', jobPath);
    return { kind: 'gone' };
  },
});

/** Defines a resource type of documents that are removed after the jobs. */
function defineDocumentType(name: 'session' | 'action' | 'backup'): ResourceTypeFactory {
  const row = z
    .object({
      [`${name}_id`]: z.string(),
      project_id: optionalOwner,
      description: z.string().nullish(),
    })
    .transform((raw) => ({
      id: String(raw[`${name}_id`]),
      project_id: raw.project_id,
      label: raw.description ?? undefined,
    }));
  return defineType({
    name,
    dependsOn: [{ types: ['job'], strength: 'preferred', until: 'done' }],
    list: (context) => documentsOf(context, `${name}s`, row),
    id: ({ id }) => id,
    owner: ({ project_id }) => project_id ?? undefined,
    label: ({ label }) => label,
    async remove({ id }, context) {
      await preferredApi(context).request('DELETE', pathOf(context.project, `${name}s`, id));
      return { kind: 'gone' };
    },
  });
}

const clientRow = z.object({
  project_id: optionalOwner,
  client: z.object({ client_id: z.string(), hostname: z.string().nullish() }),
});

/**
 * Clients: the machines that Freezer's schedulers have registered. When a scheduler restarts, it
 * registers its machine again.
 */
const client = defineType<z.infer<typeof clientRow>>({
  name: 'client',
  dependsOn: [{ types: ['job'], strength: 'preferred', until: 'done' }],
  blockers: [
    'Freezer refuses (403) to delete a client if a central client of another project has ' +
      'the same id.',
  ],
  list: (context) => documentsOf(context, 'clients', clientRow),
  id: (row) => row.client.client_id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.client.hostname ?? undefined,
  async remove(row, context): Promise<Removal> {
    const answer = await preferredApi(context).request(
      'DELETE',
      pathOf(context.project, 'clients', row.client.client_id),
      { accept: [403] },
    );
    if (answer.status !== 403) return { kind: 'gone' };
    return {
      kind: 'blocked',
      message:
        'Freezer refuses to delete the client (403); usually a central client of ' +
        'another project has the same id',
      actor: 'operator',
      advice: 'Delete its row from the table clients in the Freezer database.',
    };
  },
});

/**
 * Freezer, API v2. Freezer stores only records of backups. The data of a backup is usually in
 * Swift, whose cleanup removes it. Freezer's cleanup runs before those of Nova, Cinder and Swift,
 * because a job creates snapshots and writes objects. If the project still exists, Freezer's
 * cleanup begins in phase `pre-delete`, because Freezer removes the trust of a job only with a
 * token on the project.
 */
export const freezer = defineService({
  name: 'freezer',
  catalogTypes: ['backup'],
  dependents: [{ services: ['nova', 'cinder', 'swift'], strength: 'preferred', until: 'done' }],
  preDelete: true,
  resourceTypes: [
    job,
    defineDocumentType('session'),
    defineDocumentType('action'),
    client,
    defineDocumentType('backup'),
  ],
  releases: [
    'Before 2026.2 Freezer lists and deletes only the resources that the caller ' +
      'created. Its resource types are then reported as unreachable.',
    'Backups outside the Swift account of the project (SSH, S3, NFS, local disks) ' +
      'keep their data. Only their records are deleted.',
    'API v1, which has no project in its paths, is not supported.',
  ],
  leftBySuspend: [
    {
      types: ['job', 'session', 'action', 'client', 'backup'],
      because:
        'A job needs a token on the project, and Keystone gives no token on a disabled project. ' +
        'The other resource types run nothing.',
    },
  ],
});
