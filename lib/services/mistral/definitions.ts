import { defineKind, type Reach, type Removal } from '../../cleanup/service.ts';
import { PropagatorError } from '../../errors.ts';
import { all, apiOf, eventTriggersAgain, lacking, needsLife, ofProject, publicOne, type Row } from './rows.ts';

/** Shared by the kinds of one round: the namespaces of the actions are taken from them. */
export const workflows = (reach: Reach): Promise<Row[]> =>
  reach.once('mistral.workflows', () => all(apiOf(reach), 'workflows', { project_id: reach.project }));
export const workbooks = ({ api, once }: Reach): Promise<Row[]> => once('mistral.workbooks', () => all(api, 'workbooks'));

/** With its members. It waits for the actions, which are found by the namespaces of workflows. */
export const workflow = defineKind({
  name: 'workflow',
  after: ['action'],
  follows: ['cron-trigger', 'event-trigger', 'execution'],
  blockers: ['A trigger of another project hangs on it (it was public, or shared).', 'It is public.'],
  list: workflows,
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: publicOne,
  async remove(row, reach): Promise<Removal> {
    try {
      await apiOf(reach).request('DELETE', `/v2/workflows/${encodeURIComponent(row.id)}`);
    } catch (error) {
      if (!(error instanceof PropagatorError) || error.report.status !== 400 || !/triggers? associated/.test(error.message)) throw error;
      const left = reach.onProject ? [] : await eventTriggersAgain(reach);
      if (left.some(({ workflow_id }) => workflow_id === row.id))
        return {
          is: 'stays',
          message: 'an event trigger of the project hangs on it, which this Mistral (before 2026.1) no longer removes',
          advice: "Remove the rows of both from the tables event_triggers_v2 and workflow_definitions_v2 in Mistral's database.",
        };
      return {
        is: 'blocked',
        message: error.message,
        actor: 'neighbour',
        advice: 'Remove the triggers named there; those of the project itself are removed in its own pass.',
      };
    }
    return { is: 'gone' };
  },
});

/**
 * Ad-hoc actions. Before 2026.1 only a token on the project sees them, and no release tells which project's are wanted.
 * Mistral lists one namespace at a time and does not say which there are: those of the project's workflows and workbooks are asked for.
 * What comes with Mistral and what stands behind a dynamic action is listed, too, under its name in place of an id.
 */
export const action = defineKind({
  name: 'action',
  needsLife,
  blockers: ['It is public.'],
  async list(reach) {
    const namespaces = new Set(['']);
    for (const { namespace } of [...(await workflows(reach)), ...(await workbooks(reach))]) namespaces.add(namespace ?? '');
    const listings = await Promise.all(
      [...namespaces].map((namespace) => all(reach.api, 'actions', namespace === '' ? {} : { namespace })),
    );
    return ofProject(listings.flat(), reach.project).filter((row) => row.id !== row.name);
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: publicOne,
  async remove(row, { api }) {
    await api.request('DELETE', `/v2/actions/${encodeURIComponent(row.id)}`);
    return { is: 'gone' };
  },
});

/**
 * Kinds that any administrator may list, and that releases before 2026.1 remove only for a token on the project: to others they say 404.
 * It is taken for gone when a fresh listing no longer has it.
 */
export async function removeOurs(row: Row, reach: Reach, collection: string, again: () => Promise<readonly Row[]>): Promise<Removal> {
  const path = `/v2/${collection}/${encodeURIComponent(row.id)}`;
  const answer = await apiOf(reach).request('DELETE', path, { accept: [404] });
  if (answer.status !== 404) return { is: 'gone' };
  const fresh = await again();
  if (!fresh.some(({ id }) => id === row.id)) return { is: 'gone' };
  return {
    is: 'stays',
    message: 'this Mistral (before 2026.1) removes it only for a token on its project, which is gone; it can do nothing any more',
    advice: `Remove its row from the table ${TABLES[collection] ?? collection} in Mistral's database.`,
  };
}

const TABLES: Readonly<Record<string, string>> = { event_triggers: 'event_triggers_v2', dynamic_actions: 'dynamic_action_definitions' };

const ofCode = (name: string, collection: string, follows: readonly string[]) => {
  const list = async (reach: Reach): Promise<Row[]> => {
    try {
      return await all(apiOf(reach), collection, { project_id: reach.project });
    } catch (error) {
      throw lacking(error, name, 'Wallaby');
    }
  };
  return defineKind({
    name,
    follows,
    blockers: ['It is public.'],
    list,
    id: (row) => row.id,
    owner: (row) => row.project_id ?? undefined,
    label: (row) => row.name ?? undefined,
    blocked: publicOne,
    remove: (row, reach) => removeOurs(row, reach, collection, () => reach.once(`mistral.${collection}.again`, () => list(reach))),
  });
};

export const dynamicAction = ofCode('dynamic-action', 'dynamic_actions', []);
/** Its dynamic actions go along with it. */
export const codeSource = ofCode('code-source', 'code_sources', ['dynamic-action']);
