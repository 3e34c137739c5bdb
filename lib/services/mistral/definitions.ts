import { PropagatorError } from '../../shared/errors.ts';
import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import {
  asUnsupportedError,
  listAll,
  listEventTriggersAgain,
  preferredApi,
  publicBlocker,
  type Row,
  requiresLiveProject,
  rowsOfProject,
} from './rows.ts';

/** Lists workflows once per iteration, for the types `workflow` and `action`. */
export const listWorkflows = (context: ProjectContext): Promise<Row[]> =>
  context.memoize('mistral.workflows', () =>
    listAll(preferredApi(context), 'workflows', { project_id: context.project }),
  );
/** Lists workbooks once per iteration, for the types `workbook` and `action`. */
export const listWorkbooks = ({ api, memoize }: ProjectContext): Promise<Row[]> =>
  memoize('mistral.workbooks', () => listAll(api, 'workbooks'));

/**
 * Workflows with their members, the projects with which they are shared. Workflows are removed
 * after the actions, because the listing of actions needs the namespaces of workflows.
 */
export const workflow = defineType({
  name: 'workflow',
  dependsOn: [
    { types: ['action'], strength: 'required', until: 'empty' },
    { types: ['cron-trigger', 'event-trigger', 'execution'], strength: 'preferred', until: 'done' },
  ],
  blockers: [
    'Mistral does not delete a workflow that a trigger of another project uses. Such a ' +
      'workflow was public or shared.',
    'The propagator keeps a public workflow, because other projects may use it.',
  ],
  list: listWorkflows,
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: publicBlocker,
  async remove(row, context): Promise<Removal> {
    try {
      await preferredApi(context).request('DELETE', `/v2/workflows/${encodeURIComponent(row.id)}`);
    } catch (error) {
      if (
        !(error instanceof PropagatorError) ||
        error.report.status !== 400 ||
        !/triggers? associated/.test(error.message)
      )
        throw error;
      const ownTriggers = context.projectApi ? [] : await listEventTriggersAgain(context);
      if (ownTriggers.some(({ workflow_id }) => workflow_id === row.id))
        return {
          kind: 'retained',
          message:
            'an event trigger of the project uses the workflow, and this Mistral (before ' +
            '2026.1) cannot delete the trigger of a deleted project',
          advice:
            'Delete the row of the trigger from the table event_triggers_v2 and the row of the ' +
            'workflow from workflow_definitions_v2 in the Mistral database.',
        };
      return {
        kind: 'blocked',
        message: error.message,
        actor: 'other-project',
        advice:
          'Ask the owners of the triggers that the message names to delete them. The ' +
          'propagator deletes the triggers of this project.',
      };
    }
    return { kind: 'gone' };
  },
});

/**
 * Ad-hoc actions. Before 2026.1, Mistral lists them only to a token on the project. No release has
 * a filter by project. Mistral lists the actions of one namespace at a time and cannot list
 * namespaces. The namespaces are therefore those of the project's workflows and workbooks. The
 * listing drops built-in and dynamic actions, whose id is their name.
 */
export const action = defineType({
  name: 'action',
  requiresLiveProject,
  blockers: ['The action is public.'],
  async list(context) {
    const namespaces = new Set(['']);
    for (const { namespace } of [
      ...(await listWorkflows(context)),
      ...(await listWorkbooks(context)),
    ])
      namespaces.add(namespace ?? '');
    const listings = await Promise.all(
      [...namespaces].map((namespace) =>
        listAll(context.api, 'actions', namespace === '' ? {} : { namespace }),
      ),
    );
    return rowsOfProject(listings.flat(), context.project).filter((row) => row.id !== row.name);
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: publicBlocker,
  async remove(row, { api }) {
    await api.request('DELETE', `/v2/actions/${encodeURIComponent(row.id)}`);
    return { kind: 'gone' };
  },
});

/**
 * Removes a resource that Mistral before 2026.1 removes only with a token on its project. To any
 * other token, Mistral answers 404. After a 404, the resource therefore counts as gone only if
 * `listAgain` does not return it.
 */
export async function removeAndVerify(
  row: Row,
  context: ProjectContext,
  collection: string,
  listAgain: () => Promise<readonly Row[]>,
): Promise<Removal> {
  const path = `/v2/${collection}/${encodeURIComponent(row.id)}`;
  const answer = await preferredApi(context).request('DELETE', path, { accept: [404] });
  if (answer.status !== 404) return { kind: 'gone' };
  const rows = await listAgain();
  if (!rows.some(({ id }) => id === row.id)) return { kind: 'gone' };
  return {
    kind: 'retained',
    message:
      'this Mistral (before 2026.1) deletes the resource only with a token on its project, ' +
      'which is deleted; the resource has no effect',
    advice:
      `Delete its row from the table ${DATABASE_TABLES[collection] ?? collection} in the ` +
      'Mistral database.',
  };
}

const DATABASE_TABLES: Readonly<Record<string, string>> = {
  event_triggers: 'event_triggers_v2',
  dynamic_actions: 'dynamic_action_definitions',
};

/**
 * A code source or a dynamic action. `usedBy` names a dynamic action of another project that uses
 * the code source.
 */
type CodeRow = Row & { readonly usedBy?: string | undefined };

/** Defines the type of code sources or of dynamic actions, which exist since Wallaby. */
const defineCodeType = (
  name: string,
  collection: string,
  list: (context: ProjectContext) => Promise<CodeRow[]>,
  options: {
    readonly dependsOn?: NonNullable<Parameters<typeof defineType>[0]['dependsOn']>;
    readonly blockers?: readonly string[];
  } = {},
) => {
  const listIfSupported = async (context: ProjectContext): Promise<CodeRow[]> => {
    try {
      return await list(context);
    } catch (error) {
      throw asUnsupportedError(error, name, 'Wallaby');
    }
  };
  return defineType({
    name,
    dependsOn: options.dependsOn ?? [],
    blockers: ['The resource is public.', ...(options.blockers ?? [])],
    list: listIfSupported,
    id: (row) => row.id,
    owner: (row) => row.project_id ?? undefined,
    label: (row) => row.name ?? undefined,
    blocked: (row) => publicBlocker(row) ?? foreignUseBlocker(row),
    remove: (row, context) =>
      removeAndVerify(row, context, collection, () =>
        context.memoize(`mistral.${collection}.again`, () => listIfSupported(context)),
      ),
  });
};

const foreignUseBlocker = ({ usedBy }: CodeRow): Blocker | undefined =>
  usedBy === undefined
    ? undefined
    : {
        message: `${usedBy} uses the code source, and Mistral would also delete this action`,
        actor: 'other-project',
        advice:
          'Ask the owner of this action to delete it, or to create it again with a code source ' +
          'of the same project.',
      };

export const dynamicAction = defineCodeType('dynamic-action', 'dynamic_actions', (context) =>
  listAll(preferredApi(context), 'dynamic_actions', { project_id: context.project }),
);

/**
 * Code sources. Mistral deletes a code source with all dynamic actions that refer to it, in any
 * project (`ON DELETE CASCADE`, 2026.2). An action of another project can refer to it: for an
 * administrator who creates an action, Mistral searches the name of the code source in all
 * projects.
 */
export const codeSource = defineCodeType(
  'code-source',
  'code_sources',
  async (context) => {
    const api = preferredApi(context);
    const sources = await listAll(api, 'code_sources', { project_id: context.project });
    if (sources.length === 0) return sources;
    const actions = await listAll(api, 'dynamic_actions', { all_projects: true });
    return sources.map((source) => {
      const foreignAction = actions.find(
        (one) => one.code_source_id === source.id && one.project_id !== context.project,
      );
      if (!foreignAction) return source;
      const owner = foreignAction.project_id ?? 'unknown';
      return { ...source, usedBy: `dynamic action ${foreignAction.id} of project ${owner}` };
    });
  },
  {
    dependsOn: [{ types: ['dynamic-action'], strength: 'preferred', until: 'done' }],
    blockers: ['A dynamic action of another project uses the code.'],
  },
);
