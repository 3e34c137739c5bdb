import { PropagatorError } from '../../shared/errors.ts';
import { defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import {
  apiOf,
  eventTriggersAgain,
  listAll,
  ofProject,
  publicBlocker,
  type Row,
  requiresLiveProject,
  toUnsupported,
} from './rows.ts';

/**
 * Shared by the resource types of one iteration: the namespaces of the actions come from the
 * workflows.
 */
export const workflows = (context: ProjectContext): Promise<Row[]> =>
  context.memoize('mistral.workflows', () =>
    listAll(apiOf(context), 'workflows', { project_id: context.project }),
  );
export const workbooks = ({ api, memoize }: ProjectContext): Promise<Row[]> =>
  memoize('mistral.workbooks', () => listAll(api, 'workbooks'));

/**
 * A workflow goes with its members. It waits for the actions, which are found by the namespaces of
 * workflows.
 */
export const workflow = defineType({
  name: 'workflow',
  dependsOn: [
    { types: ['action'], strength: 'required', until: 'empty' },
    { types: ['cron-trigger', 'event-trigger', 'execution'], strength: 'preferred', until: 'done' },
  ],
  blockers: [
    'A trigger of another project uses the workflow (it was public or shared).',
    'The workflow is public.',
  ],
  list: workflows,
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: publicBlocker,
  async remove(row, context): Promise<Removal> {
    try {
      await apiOf(context).request('DELETE', `/v2/workflows/${encodeURIComponent(row.id)}`);
    } catch (error) {
      if (
        !(error instanceof PropagatorError) ||
        error.report.status !== 400 ||
        !/triggers? associated/.test(error.message)
      )
        throw error;
      const left = context.projectApi ? [] : await eventTriggersAgain(context);
      if (left.some(({ workflow_id }) => workflow_id === row.id))
        return {
          kind: 'retained',
          message:
            'an event trigger of the project uses the workflow, and this Mistral (before ' +
            '2026.1) can no longer delete that trigger',
          advice:
            'Delete the rows of both from the tables event_triggers_v2 and ' +
            'workflow_definitions_v2 in the Mistral database.',
        };
      return {
        kind: 'blocked',
        message: error.message,
        actor: 'other-project',
        advice:
          'Ask the owners of the triggers that the message names to delete them. The ' +
          'propagator itself deletes the triggers of this project.',
      };
    }
    return { kind: 'gone' };
  },
});

/**
 * Ad-hoc actions. Before 2026.1 only a token on the project sees them, and no release has a filter
 * by project. Mistral lists one namespace at a time and has no list of namespaces: the listing uses
 * those of the project's workflows and workbooks. Mistral also lists its built-in actions and those
 * of dynamic actions, with their name as id.
 */
export const action = defineType({
  name: 'action',
  requiresLiveProject,
  blockers: ['The action is public.'],
  async list(context) {
    const namespaces = new Set(['']);
    for (const { namespace } of [...(await workflows(context)), ...(await workbooks(context))])
      namespaces.add(namespace ?? '');
    const listings = await Promise.all(
      [...namespaces].map((namespace) =>
        listAll(context.api, 'actions', namespace === '' ? {} : { namespace }),
      ),
    );
    return ofProject(listings.flat(), context.project).filter((row) => row.id !== row.name);
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
 * Removes resources that any administrator may list, but that releases before 2026.1 remove only
 * with a token on the project: for any other token they answer 404. The resource counts as gone if
 * a new listing no longer has it.
 */
export async function removeAndVerify(
  row: Row,
  context: ProjectContext,
  collection: string,
  again: () => Promise<readonly Row[]>,
): Promise<Removal> {
  const path = `/v2/${collection}/${encodeURIComponent(row.id)}`;
  const answer = await apiOf(context).request('DELETE', path, { accept: [404] });
  if (answer.status !== 404) return { kind: 'gone' };
  const fresh = await again();
  if (!fresh.some(({ id }) => id === row.id)) return { kind: 'gone' };
  return {
    kind: 'retained',
    message:
      'this Mistral (before 2026.1) deletes it only with a token on its project, ' +
      'which is deleted; it no longer has any effect',
    advice:
      `Delete its row from the table ${TABLES[collection] ?? collection} in the ` +
      'Mistral database.',
  };
}

const TABLES: Readonly<Record<string, string>> = {
  event_triggers: 'event_triggers_v2',
  dynamic_actions: 'dynamic_action_definitions',
};

const codeType = (name: string, collection: string, before: readonly string[]) => {
  const list = async (context: ProjectContext): Promise<Row[]> => {
    try {
      return await listAll(apiOf(context), collection, { project_id: context.project });
    } catch (error) {
      throw toUnsupported(error, name, 'Wallaby');
    }
  };
  return defineType({
    name,
    dependsOn: [{ types: before, strength: 'preferred', until: 'done' }],
    blockers: ['The resource is public.'],
    list,
    id: (row) => row.id,
    owner: (row) => row.project_id ?? undefined,
    label: (row) => row.name ?? undefined,
    blocked: publicBlocker,
    remove: (row, context) =>
      removeAndVerify(row, context, collection, () =>
        context.memoize(`mistral.${collection}.again`, () => list(context)),
      ),
  });
};

export const dynamicAction = codeType('dynamic-action', 'dynamic_actions', []);
/** A code source is deleted with its dynamic actions. */
export const codeSource = codeType('code-source', 'code_sources', ['dynamic-action']);
