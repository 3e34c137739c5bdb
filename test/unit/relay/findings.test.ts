import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { brokerFindings } from '../../../lib/relay/findings.ts';
import { DEFAULTS, type RelayOptions, relayOptions } from '../../../lib/relay/options.ts';
import { readSettings } from '../../../lib/shared/settings.ts';

const BROKER = 'amqp://propagator:s3cr3t@10.0.0.5/keystone';
const server = { product: 'RabbitMQ', version: '3.10.8' };
const options = (overrides: Partial<RelayOptions> = {}): RelayOptions => ({
  ...DEFAULTS,
  urls: [BROKER],
  source: {
    mode: 'own',
    queue: 'keystone-propagator',
    exchange: 'keystone',
    routingKey: 'notifications.info',
    arguments: {},
  },
  ...overrides,
});
const texts = async (...parameters: Parameters<typeof brokerFindings>) =>
  (await brokerFindings(...parameters)).map(({ text }) => text);
const warnings = async (...parameters: Parameters<typeof brokerFindings>) =>
  (await brokerFindings(...parameters))
    .filter(({ level }) => level === 'warn')
    .map(({ text }) => text);

describe('the findings over AMQP', () => {
  it('name the queue, and the command that lists policies', async () => {
    expect(await texts(BROKER, options(), server, 7)).toEqual([
      'connected to RabbitMQ 3.10.8 at 10.0.0.5:5672, virtual host keystone',
      'queue keystone-propagator (classic, durable, created by the relay): 7 waiting messages',
      expect.stringContaining(
        'rabbitmqctl list_queues -p keystone name policy arguments; rabbitmqctl list_policies -p keystone',
      ),
    ]);
  });
  it('warn of queue arguments that let messages expire', async () => {
    const source = {
      ...options().source,
      arguments: { 'x-message-ttl': 70_000 },
    } as RelayOptions['source'];
    expect(await warnings(BROKER, options({ source }), server, 0)).toEqual([
      expect.stringContaining('argument x-message-ttl drops messages after 70 s'),
    ]);
  });
  it('warn that quorum queues of RabbitMQ 4 drop messages after too many deliveries', async () => {
    const source = {
      ...options().source,
      arguments: { 'x-queue-type': 'quorum' },
    } as RelayOptions['source'];
    expect(await warnings(BROKER, options({ source }), { ...server, version: '4.1.0' }, 0)).toEqual(
      [expect.stringContaining('delivery-limit -1')],
    );
    expect(await warnings(BROKER, options({ source }), server, 0)).toEqual([]);
  });
});

describe('the findings over the management API', () => {
  let management: Server;
  let managementUrl = '';
  let answer: { status: number; body: unknown } = { status: 200, body: {} };
  const requests: { path: string | undefined; login: string }[] = [];
  beforeAll(async () => {
    management = createServer((request, response) => {
      const login = Buffer.from(
        (request.headers.authorization ?? '').replace('Basic ', ''),
        'base64',
      ).toString();
      requests.push({ path: request.url, login });
      response
        .writeHead(answer.status, { 'content-type': 'application/json' })
        .end(JSON.stringify(answer.body));
    }).listen(0, '127.0.0.1');
    await once(management, 'listening');
    const address = management.address();
    managementUrl = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  });
  afterAll(() => management.close());
  /** The reason that the last finding names for policies that were not checked. */
  const uncheckedReason = async (url: string): Promise<string | undefined> => {
    const findingTexts = await texts(BROKER, options({ managementUrl: url }), server, 0);
    return /\(management API: (.*)\); set/.exec(findingTexts.at(-1) ?? '')?.[1];
  };

  it('are read for the queue of the relay, with the login of the broker unless the URL has one', async () => {
    answer = {
      status: 200,
      body: {
        type: 'classic',
        durable: true,
        arguments: {},
        policy: null,
        effective_policy_definition: {},
      },
    };
    expect(
      await texts('amqp://propagator:s3cr3t@10.0.0.5/', options({ managementUrl }), server, 0),
    ).toEqual([
      'connected to RabbitMQ 3.10.8 at 10.0.0.5:5672, virtual host /',
      'queue keystone-propagator (classic, durable): 0 waiting messages',
    ]);
    await brokerFindings(
      BROKER,
      options({ managementUrl: managementUrl.replace('//', '//watcher:p%40ss@') }),
      server,
      0,
    );
    expect(requests).toEqual([
      { path: '/api/queues/%2F/keystone-propagator', login: 'propagator:s3cr3t' },
      { path: '/api/queues/keystone/keystone-propagator', login: 'watcher:p@ss' },
    ]);
  });
  it('warn of a policy that lets messages expire, as openstack-helm installs it', async () => {
    answer = {
      status: 200,
      body: {
        type: 'classic',
        durable: true,
        arguments: {},
        policy: 'ha_ttl_keystone',
        effective_policy_definition: { 'message-ttl': 70_000, 'ha-mode': 'all' },
      },
    };
    expect(await warnings(BROKER, options({ managementUrl }), server, 0)).toEqual([
      'policy ha_ttl_keystone drops messages after 70 s: notifications in keystone-propagator can be lost while the relay is disconnected; only the sweep then finds the changes in Keystone',
    ]);
  });
  it('warn of a topic queue that is not durable', async () => {
    answer = {
      status: 200,
      body: { type: 'classic', durable: false, arguments: [], effective_policy_definition: [] },
    };
    const findingTexts = await texts(
      BROKER,
      options({ managementUrl, source: { mode: 'topic', queue: 'ours.info' } }),
      server,
      3,
    );
    expect(findingTexts[1]).toBe(
      'queue ours.info (classic, NOT durable: a restart of the broker deletes its messages): 3 waiting messages',
    );
  });
  it.each([
    [{ status: 401, body: { error: 'not_authorised' } }, 'answered 401'],
    [{ status: 200, body: ['nothing'] }, 'does not describe a queue'],
    [{ status: 200, body: undefined }, 'does not describe a queue'],
  ])('report an unusable answer and do not fail', async (wrongAnswer, expectedText) => {
    answer = wrongAnswer;
    const findingTexts = await texts(BROKER, options({ managementUrl }), server, 0);
    expect(findingTexts.at(-1)).toContain(expectedText);
    expect(findingTexts.join()).not.toContain('s3cr3t');
  });
  it('report a management API that refuses the connection, and one that does not answer', async () => {
    const unused = createServer().listen(0, '127.0.0.1');
    await once(unused, 'listening');
    const address = unused.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    unused.close();
    await once(unused, 'close');
    expect(await uncheckedReason(`http://127.0.0.1:${port}`)).toBe(
      `connect ECONNREFUSED 127.0.0.1:${port}`,
    );
    const silent = createServer(() => undefined).listen(port, '127.0.0.1');
    await once(silent, 'listening');
    expect(await uncheckedReason(`http://127.0.0.1:${port}`)).toBe('no answer within 3 s');
    silent.closeAllConnections();
    silent.close();
  });
  it('report a login with a wrong escape sequence', async () => {
    expect(await uncheckedReason('http://watcher:100%@127.0.0.1:15672')).toBe('URI malformed');
  });
});

describe('the settings of the relay', () => {
  const relayOptionsFrom = (environment: Record<string, string>) =>
    relayOptions(readSettings({ RABBITMQ_URL: BROKER, ...environment }));
  it('are a durable classic queue by default, bound to the exchange of Keystone', () => {
    expect(relayOptionsFrom({}).source).toEqual({
      mode: 'own',
      queue: 'keystone-propagator',
      exchange: 'keystone',
      routingKey: 'notifications.info',
      arguments: {},
    });
    expect(relayOptionsFrom({ RABBITMQ_QUEUE_TYPE: 'quorum' }).source).toMatchObject({
      arguments: { 'x-queue-type': 'quorum' },
    });
    expect(relayOptionsFrom({ RABBITMQ_TOPIC_QUEUE: 'ours.info' }).source).toEqual({
      mode: 'topic',
      queue: 'ours.info',
    });
  });
  it('refuse the queue that all services share, unless RABBITMQ_SHARED_QUEUE allows it', () => {
    expect(() => relayOptionsFrom({ RABBITMQ_TOPIC_QUEUE: 'notifications.info' })).toThrow(
      /all services publish to/,
    );
    expect(
      relayOptionsFrom({
        RABBITMQ_TOPIC_QUEUE: 'notifications.info',
        RABBITMQ_SHARED_QUEUE: 'consume',
      }).source.queue,
    ).toBe('notifications.info');
  });
  it('refuse the name of a queue that Keystone declares', () => {
    expect(() =>
      relayOptionsFrom({ RABBITMQ_QUEUE: 'notifications.info', RABBITMQ_SHARED_QUEUE: 'consume' }),
    ).toThrow(/a queue that Keystone declares/);
    expect(() =>
      relayOptionsFrom({ RABBITMQ_QUEUE: 'audit.info', RABBITMQ_ROUTING_KEY: 'audit.info' }),
    ).toThrow(/a queue that Keystone declares/);
  });
});
