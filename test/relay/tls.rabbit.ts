import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChannelModel, connect } from 'amqplib';
import { relayOptions } from '../../lib/relay/options.ts';
import { type Relay, startRelay } from '../../lib/relay/relay.ts';
import { createLogger } from '../../lib/shared/log.ts';
import { readSettings } from '../../lib/shared/settings.ts';
import { makeCertificates } from '../certificates.ts';
import { eventually, Store } from './relay-fixture.ts';

/** The broker's certificate is for this name and for no address. */
const SERVER_NAME = 'rabbit.example.org';
const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';

let folder: string;
let port: number;
let broker: ChildProcess;
const relays: Relay[] = [];
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}

const connectWithCertificate = (): Promise<ChannelModel> =>
  connect(`amqps://guest:guest@127.0.0.1:${port}/`, {
    ca: read('ca.pem'),
    cert: read('client.pem'),
    key: read('client.key'),
    servername: SERVER_NAME,
  });

/** Starts a RabbitMQ that accepts only TLS connections with a client certificate. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relay-tls-'));
  makeCertificates(folder, `DNS:${SERVER_NAME}`);
  port = await freePort();
  const lines = [
    'listeners.tcp = none',
    `listeners.ssl.1 = 127.0.0.1:${port}`,
    `ssl_options.cacertfile = ${folder}/ca.pem`,
    `ssl_options.certfile = ${folder}/server.pem`,
    `ssl_options.keyfile = ${folder}/server.key`,
    'ssl_options.verify = verify_peer',
    'ssl_options.fail_if_no_peer_cert = true',
  ];
  writeFileSync(join(folder, 'rabbitmq.conf'), `${lines.join('\n')}\n`);
  writeFileSync(join(folder, 'plugins'), '[].\n');
  broker = spawn(SERVER, [], {
    detached: true,
    stdio: 'ignore',
    env: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: folder,
      RABBITMQ_NODENAME: `tls${process.pid}@localhost`,
      RABBITMQ_DIST_PORT: String(await freePort()),
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
      RABBITMQ_MNESIA_BASE: join(folder, 'data'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_PID_FILE: join(folder, 'pid'),
    },
  });
  const isUp = async (): Promise<boolean> => {
    const connection = await connectWithCertificate().catch(() => undefined);
    await connection?.close();
    return connection !== undefined;
  };
  await eventually('the broker accepts TLS connections', isUp, 120_000);
});
afterAll(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  if (broker?.pid) process.kill(-broker.pid, 'SIGTERM');
  await new Promise((resolve) => broker.once('close', resolve));
  rmSync(folder, { recursive: true, force: true });
});

function startWith(overrides: Readonly<Record<string, string>>): { relay: Relay; store: Store } {
  const store = new Store();
  const files = {
    RABBITMQ_CA_FILE: 'ca.pem',
    RABBITMQ_CERT_FILE: 'client.pem',
    RABBITMQ_KEY_FILE: 'client.key',
  };
  const named = Object.entries({ ...files, RABBITMQ_SERVER_NAME: SERVER_NAME, ...overrides });
  const environment = Object.fromEntries(
    named.map(([name, value]) => [
      name,
      name.endsWith('_FILE') && value ? join(folder, value) : value,
    ]),
  );
  const settings = readSettings({
    RABBITMQ_URL: `rabbit://guest:guest@127.0.0.1:${port}/?ssl=1`,
    ...environment,
  });
  const relay = startRelay(
    {
      ...relayOptions(settings),
      existenceCheckMillis: 50,
      backOff: { firstMillis: 20, maxMillis: 200 },
    },
    { store: store.store, now: Date.now, log: createLogger('silent') },
  );
  relays.push(relay);
  return { relay, store };
}

describe('a broker that accepts only TLS', () => {
  it('is reached with the CA, the certificate and the server name of the settings', async () => {
    const connection = await connectWithCertificate();
    const channel = await connection.createConfirmChannel();
    await channel.assertExchange('keystone', 'topic', { durable: false });
    const { relay, store } = startWith({});
    await eventually(
      'the queue is bound',
      () => relay.state().connected && relay.state().waiting === undefined,
    );
    channel.publish('keystone', 'notifications.info', Buffer.from('over TLS'));
    await channel.waitForConfirms();
    await eventually('the message is stored', () => store.bodies.includes('over TLS'));
    await connection.close();
  });

  it.each<[string, Record<string, string>]>([
    ['a CA that did not sign its certificate', { RABBITMQ_CA_FILE: 'other-ca.pem' }],
    ['no CA', { RABBITMQ_CA_FILE: '' }],
    ['another server name', { RABBITMQ_SERVER_NAME: 'other.example.org' }],
    ['no certificate', { RABBITMQ_CERT_FILE: '', RABBITMQ_KEY_FILE: '' }],
  ])('makes the relay wait with an error about TLS for %s', async (_what, overrides) => {
    const { relay } = startWith(overrides);
    await eventually('the failure is named', () => relay.state().waiting !== 'connecting');
    expect(relay.state()).toMatchObject({
      connected: false,
      waiting: expect.stringContaining(`the TLS connection to 127.0.0.1:${port} failed`),
    });
  });
});
