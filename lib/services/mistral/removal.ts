import type { ProjectContext, Removal } from '../../task/service.ts';
import { preferredApi, type Row } from './rows.ts';

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
