import { defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { hasStatus } from '../kit/errors.ts';
import {
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
      if (!hasStatus(error, 400) || !/triggers? associated/.test(error.message)) throw error;
      // With a token on the project, Mistral deletes every trigger of the project.
      const undeletableTriggers = context.projectApi ? [] : await listEventTriggersAgain(context);
      if (undeletableTriggers.some(({ workflow_id }) => workflow_id === row.id))
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
 * namespaces. The listing therefore covers the namespaces of the project's workflows and workbooks.
 * The listing drops built-in and dynamic actions, whose id is their name.
 */
export const action = defineType({
  name: 'action',
  requiresLiveProject,
  blockers: ['The propagator keeps a public action, because other projects may use it.'],
  async list(context) {
    const rows = [...(await listWorkflows(context)), ...(await listWorkbooks(context))];
    const namespaces = new Set(['', ...rows.map(({ namespace }) => namespace ?? '')]);
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
