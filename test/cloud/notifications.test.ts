import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { at, openTestCloud, type TestCloud } from './test-cloud.ts';

let testCloud: TestCloud;
const received: unknown[] = [];
beforeEach(async () => {
  testCloud = await openTestCloud();
  received.length = 0;
  testCloud.cloud.onNotification((notification) =>
    received.push(JSON.parse(notification['oslo.message'])),
  );
});
afterEach(() => testCloud.close());

const body = z.object({ body: z.string() });
const envelope = z.object({ 'oslo.message': z.string() });

/** Names and types of all fields, in their order. */
const shape = (value: unknown): unknown =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).map(([key, each]) => [key, shape(each)])
    : typeof value;
/** Each event type with and without an initiator, with its shape. */
const shapes = (messages: readonly unknown[]): Map<string, string> =>
  new Map(
    messages.map((message) => [
      `${at(message, 'event_type')} ${at(message, 'payload.action')} ${Boolean(at(message, 'payload.initiator'))} ${Boolean(at(message, 'payload.domain'))} ${Boolean(at(message, 'payload.group'))}`,
      JSON.stringify(shape(message)),
    ]),
  );

it('sends notifications in the shape of the recordings of a real Keystone', async () => {
  const { ask, cloud } = testCloud;
  const member = cloud.state.identity.roles.where((row) => row.name === 'member')[0]?.id;
  const domain = ask.id(
    await ask('identity', 'POST', '/domains', { json: { domain: { name: 'x' } } }),
  );
  const project = ask.id(
    await ask('identity', 'POST', '/projects', {
      json: { project: { name: 'x', domain_id: domain } },
    }),
  );
  const rest = ask.id(
    await ask('identity', 'POST', '/projects', {
      json: { project: { name: 'y', domain_id: domain } },
    }),
  );
  const user = ask.id(
    await ask('identity', 'POST', '/users', { json: { user: { name: 'x', domain_id: domain } } }),
  );
  const group = ask.id(
    await ask('identity', 'POST', '/groups', { json: { group: { name: 'x', domain_id: domain } } }),
  );
  await ask('identity', 'PUT', `/groups/${group}/users/${user}`);
  for (const path of [
    `projects/${rest}/users/${user}`,
    `projects/${rest}/groups/${group}`,
    `domains/${domain}/users/${user}`,
  ])
    await ask('identity', 'PUT', `/${path}/roles/${member}`);
  await ask('identity', 'DELETE', `/projects/${rest}/users/${user}/roles/${member}`);
  await ask('identity', 'PATCH', `/projects/${project}`, { json: { project: { enabled: false } } });
  await ask('identity', 'PATCH', `/users/${user}`, { json: { user: { enabled: false } } });
  await ask('identity', 'DELETE', `/projects/${project}`);
  cloud.state.identity.applicationCredentials.add({
    id: 'a',
    name: 'a',
    user_id: user,
    project_id: rest,
    secret: 's',
    roles: [],
  });
  await ask('identity', 'PATCH', `/domains/${domain}`, { json: { domain: { enabled: false } } });
  await ask('identity', 'DELETE', `/domains/${domain}`);

  const lines = readFileSync(
    new URL('../../events/samples/keystone/cadf-messagingv2.jsonl', import.meta.url),
    'utf8',
  )
    .trim()
    .split('\n');
  const message = (line: string): unknown =>
    JSON.parse(envelope.parse(JSON.parse(body.parse(JSON.parse(line)).body))['oslo.message']);
  const recorded = shapes(lines.map(message));
  const made = shapes(received);
  expect(made.size).toBeGreaterThan(15);
  for (const [about, wanted] of made)
    expect(`${about} ${wanted}`).toBe(`${about} ${recorded.get(about)}`);
});
