import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import {
  defineService,
  defineType,
  type RequiresLiveProject,
  type ServiceApi,
} from '../task/service.ts';

const requiresLiveProject: RequiresLiveProject = {
  class: 'C',
  leftover: 'queues and topics (names and settings; messages and subscriptions expire)',
  advice:
    'No API call can reach them. Delete the rows of the project from the table Queues ' +
    '(MongoDB: the collection queues) in the management store of Zaqar.',
};

/** Zaqar requires every client to send a UUID, and accepts any UUID. */
const CLIENT_ID_HEADER = { 'client-id': '6b1f9c3e-5a0d-4f5e-9d53-1c8f0a7e2b44' };
/**
 * The query of each listing. It has no limit, because Zaqar answers 400 to a limit above
 * [transport] max_queues_per_page.
 */
const QUERY_WITHOUT_LIMIT = { limit: undefined };

const namedRow = z.object({ name: z.string() });
const subscriptionRow = z.object({ id: z.string() });

/**
 * Removes the subscriptions of a queue or topic, and then the queue or topic with its messages.
 * Otherwise Zaqar would keep the subscriptions and continue to call the subscribers.
 */
async function removeWithSubscriptions(api: ServiceApi, path: string): Promise<void> {
  const collection = 'subscriptions';
  const { rows } = await api.list(`${path}/${collection}`, {
    collection,
    row: subscriptionRow,
    paging: 'marker',
    query: QUERY_WITHOUT_LIMIT,
    headers: CLIENT_ID_HEADER,
  });
  for (const { id } of rows)
    await api.request('DELETE', `${path}/${collection}/${encodeURIComponent(id)}`, {
      headers: CLIENT_ID_HEADER,
    });
  await api.request('DELETE', path, { headers: CLIENT_ID_HEADER });
}

const listNames = async (api: ServiceApi, collection: string): Promise<string[]> => {
  const { rows } = await api.list(`/v2/${collection}`, {
    collection,
    row: namedRow,
    paging: 'marker',
    query: QUERY_WITHOUT_LIMIT,
    headers: CLIENT_ID_HEADER,
  });
  return rows.map(({ name }) => name);
};

/**
 * Defines a type whose rows belong to the project of the token. Zaqar's rows name no owner. Every
 * call is for the token's project, because the auth middleware overwrites any other project, even
 * for an administrator. If the token is on another project, the owner check therefore refuses the
 * rows.
 */
const defineTypeOfTokenProject = (
  name: string,
  list: (api: ServiceApi) => Promise<readonly string[]>,
) =>
  defineType({
    name,
    requiresLiveProject,
    list: async ({ api }) => (await list(api)).map((one) => ({ name: one, owner: api.ownProject })),
    id: (row) => row.name,
    owner: (row) => row.owner,
    label: (row) => row.name,
    async remove(row, { api }) {
      await removeWithSubscriptions(api, `/v2/${name}s/${encodeURIComponent(row.name)}`);
      return { kind: 'gone' };
    },
  });

const queue = defineTypeOfTokenProject('queue', (api) => listNames(api, 'queues'));

/**
 * Topics. Zaqar has topics only if its management store is MongoDB. With another store, Zaqar
 * answers 503 to all calls about topics.
 */
const topic = defineTypeOfTokenProject('topic', async (api) => {
  const listTopics = (): Promise<string[] | PropagatorError> =>
    listNames(api, 'topics').catch((error: unknown) => {
      if (error instanceof PropagatorError && error.report.status === 503) return error;
      throw error;
    });
  const firstAnswer = await listTopics();
  if (!(firstAnswer instanceof PropagatorError)) return firstAnswer;
  // Zaqar also answers 503 while its store is down. Queues are in the same store, so a listing of
  // queues proves that the store is not down.
  await listNames(api, 'queues');
  const secondAnswer = await listTopics();
  if (!(secondAnswer instanceof PropagatorError)) return secondAnswer;
  throw new PropagatorError({
    ...secondAnswer.report,
    code: 'zaqar.topic.unsupported',
    class: 'Unsupported',
    message: 'this Zaqar has no topics: its management store is not MongoDB',
    advice: 'No action is necessary.',
  });
});

/** Zaqar, Messaging API v2. */
export const zaqar = defineService({
  name: 'zaqar',
  catalogTypes: ['message', 'messaging'],
  dependsOn: [{ services: ['heat', 'mistral', 'aodh'], strength: 'preferred', until: 'done' }],
  releases: [
    'All: the queues of a project that is already deleted are not removed. Their messages and ' +
      'subscriptions expire.',
    'All: the propagator does not find a subscription to a queue that was deleted ' +
      'earlier. The subscription expires.',
    'Before Ussuri there are no topics. Later releases have them only if the ' +
      'management store is MongoDB.',
  ],
  resourceTypes: [queue, topic],
  leftBySuspend: [
    {
      types: ['queue', 'topic'],
      because: 'Keystone gives no token on a disabled project, so no messages are sent or read.',
    },
  ],
});
