import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { CommonContext, ListOptions, ProjectContext, ServiceApi } from '../../task/service.ts';

export const stackRow = z.object({
  id: z.string(),
  stack_name: z.string(),
  /** Action and status, for example `DELETE_FAILED`. */
  stack_status: z.string(),
  stack_status_reason: z.string().nullish(),
  /** The owner, which Heat shows only to administrators. */
  project: z.string().nullish(),
  /** The stack that contains this nested stack. */
  parent: z.string().nullish(),
  /** The name of the user whose trust the stack uses. Heat does not show the user's id. */
  stack_owner: z.string().nullish(),
  creation_time: z.string().nullish(),
  updated_time: z.string().nullish(),
});
export type StackRow = z.infer<typeof stackRow>;

/** Returns the path of a stack without the project. */
export const pathOfStack = (row: Pick<StackRow, 'id' | 'stack_name'>): string =>
  `/stacks/${encodeURIComponent(row.stack_name)}/${encodeURIComponent(row.id)}`;

/**
 * Lists resources of `project`, and makes sure that the list is complete. To a caller without the
 * administrator role, Heat silently lists only the project of the token, so `project` would look
 * empty. The path therefore names `project`: Heat then answers 403 to such a caller. Heat 19 to 21
 * with `enforce_new_defaults` answers 403 also to an administrator. After a 403, another request
 * must therefore prove the role.
 */
export async function listAsAdministrator<S extends z.ZodType>(
  context: Pick<CommonContext, 'api' | 'memoize'>,
  project: string,
  path: string,
  options: ListOptions<S>,
): Promise<z.infer<S>[]> {
  const { api } = context;
  try {
    return (
      await api.list(path, {
        ...options,
        endpoint: api.endpoint.replace(api.ownProject, encodeURIComponent(project)),
      })
    ).rows;
  } catch (error) {
    if (!(error instanceof PropagatorError) || error.class !== 'Denied') throw error;
    await context.memoize('heat.administrator', () => assertAdministrator(api, error));
    return (await api.list(path, options)).rows;
  }
}

/**
 * Throws if no row proves that the token has the administrator role. Heat shows the project of a
 * stack only to administrators, so one row with a project is the proof, even of a deleted stack.
 */
async function assertAdministrator(api: ServiceApi, refusal: PropagatorError): Promise<void> {
  const query = { show_deleted: true, show_hidden: true, show_nested: true };
  const { rows } = await api.list('/stacks', {
    collection: 'stacks',
    row: stackRow,
    paging: 'marker',
    query,
    maxRows: 1,
  });
  if (!rows.some((row) => row.project))
    throw new PropagatorError({
      ...refusal.report,
      advice:
        'Heat does not treat the propagator as an administrator. Give its user the role ' +
        'admin. If Keystone sets admin_project_name, assign the role on that project.',
    });
}

/**
 * Returns the stacks that no other existing stack contains. One request deletes such a stack with
 * its nested stacks. Heat does not show a retained nested stack (`deletion_policy: Retain`) as a
 * root stack, so all stacks are listed.
 */
export async function rootStacksOf(context: ProjectContext): Promise<StackRow[]> {
  const query = { tenant: context.project, show_hidden: true, show_nested: true };
  const rows = await listAsAdministrator(context, context.project, '/stacks', {
    collection: 'stacks',
    row: stackRow,
    paging: 'marker',
    query,
  });
  const ids = new Set(rows.map((row) => row.id));
  return rows.filter((row) => !row.parent || !ids.has(row.parent));
}

export const configRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  project: z.string().nullish(),
});

/** Lists the configurations of the project. Heat has no filter by project. */
export const configsOf = (context: ProjectContext): Promise<z.infer<typeof configRow>[]> =>
  context.memoize('heat.software-configs', async () => {
    const listing = { collection: 'software_configs', row: configRow, paging: 'none' } as const;
    const rows = await listAsAdministrator(context, context.project, '/software_configs', listing);
    return rows.filter((row) => row.project === context.project || !row.project);
  });
