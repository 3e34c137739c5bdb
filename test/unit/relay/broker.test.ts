import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokerFailure } from '../../../lib/relay/failure.ts';
import { relayOptions, type Source } from '../../../lib/relay/options.ts';
import { brokerUrls } from '../../../lib/shared/broker-url.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { readSettings } from '../../../lib/shared/settings.ts';

const refusalMessage = (work: () => unknown): string => {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof PropagatorError) return thrown.report.message;
    throw thrown;
  }
  throw new Error('nothing was refused');
};

describe('RABBITMQ_URL', () => {
  it.each<[string, string[]]>([
    ['amqp://u:p@h/v', ['amqp://u:p@h/v']],
    ['amqp://h', ['amqp://h']],
    ['amqps://u:p@h:5671/', ['amqps://u:p@h:5671/']],
    [
      'rabbit://u:p@h1:5672,v:q@h2:5673/vhost',
      ['amqp://u:p@h1:5672/vhost', 'amqp://v:q@h2:5673/vhost'],
    ],
    ['rabbit://u:p@h1,h2/v?ssl=1', ['amqps://u:p@h1/v', 'amqps://u:p@h2/v']],
    ['rabbit://u:p@h:5672//', ['amqp://u:p@h:5672//']],
    [
      'amqp://u:p@[::1]:5672,u:p@[::2]/v?heartbeat=5',
      ['amqp://u:p@[::1]:5672/v?heartbeat=5', 'amqp://u:p@[::2]/v?heartbeat=5'],
    ],
    ['amqp://u:a%23b%2Fc%40@h/%2Fv', ['amqp://u:a%23b%2Fc%40@h/%2Fv']],
    ['amqp://u:a:b@h/', ['amqp://u:a:b@h/']],
  ])('%s becomes one URL per host', (text, urls) => {
    expect(brokerUrls(text)).toEqual(urls);
  });

  it.each([
    ['amqp://user:hunter2#x@host/v', 20, '%23'],
    ['amqp://user:hunter2/x@host/v', 20, '%2F'],
    ['amqp://user:hunter2?x@host/v', 20, '%3F'],
    ['amqp://user:hunter2@x@host/v', 20, '%40'],
    ['amqp://user:hunter2%x@host/v', 20, '%25'],
    ['amqp://user:hunter2 x@host/v', 20, '%20'],
    ['amqp://user:hunter2[x@host/v', 20, '%5B'],
    ['rabbit://u:p@h1,user:hunter2#x@h2/v', 29, '%23'],
    ['amqp://u:p@host/hunter2#v', 24, '%23'],
  ])('%s is refused with the place and the encoded form', (text, place, encoded) => {
    const message = refusalMessage(() => readSettings({ RABBITMQ_URL: text }));
    expect(message).toMatch(/^RABBITMQ_URL: /);
    expect(message).toContain(`character ${place} `);
    expect(message).toContain(encoded);
    expect(message).not.toMatch(/hunter2|\n/);
  });

  it('a comma in a password is refused with its encoded form', () => {
    const message = refusalMessage(() =>
      readSettings({ RABBITMQ_URL: 'amqp://user:hunter2,x@host/v' }),
    );
    expect(message).toContain('%2C');
    expect(message).not.toContain('hunter2');
  });
});

describe('TLS settings of the broker', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'broker-tls-'));
    for (const name of ['one', 'other'])
      execFileSync(
        'openssl',
        ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'].concat([
          '-keyout',
          `${name}.key`,
          '-out',
          `${name}.pem`,
          '-subj',
          `/CN=${name}`,
        ]),
        { cwd: folder, stdio: 'pipe' },
      );
    writeFileSync(join(folder, 'text'), 'hello\n');
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const relayOptionsWith = (settings: Record<string, string>) => {
    const inFolder = Object.entries(settings).map(([name, value]) => [
      name,
      name.endsWith('_FILE') ? join(folder, value) : value,
    ]);
    return relayOptions(
      readSettings({ RABBITMQ_URL: 'amqps://u:p@h/', ...Object.fromEntries(inFolder) }),
    );
  };

  it('are read and passed to the connection', () => {
    const { tls } = relayOptionsWith({
      RABBITMQ_CA_FILE: 'other.pem',
      RABBITMQ_CERT_FILE: 'one.pem',
      RABBITMQ_KEY_FILE: 'one.key',
      RABBITMQ_SERVER_NAME: 'rabbit.example.org',
    });
    expect(tls.servername).toBe('rabbit.example.org');
    expect([tls.ca, tls.cert, tls.key].map((pem) => pem?.split('\n')[0])).toEqual([
      '-----BEGIN CERTIFICATE-----',
      '-----BEGIN CERTIFICATE-----',
      '-----BEGIN PRIVATE KEY-----',
    ]);
  });

  it.each<[string, Record<string, string>]>([
    ['RABBITMQ_CA_FILE: the file', { RABBITMQ_CA_FILE: 'gone' }],
    ['RABBITMQ_CA_FILE: /', { RABBITMQ_CA_FILE: 'text' }],
    ['RABBITMQ_CERT_FILE: also set RABBITMQ_KEY_FILE', { RABBITMQ_CERT_FILE: 'one.pem' }],
    ['RABBITMQ_KEY_FILE: also set RABBITMQ_CERT_FILE', { RABBITMQ_KEY_FILE: 'one.key' }],
    [
      'RABBITMQ_KEY_FILE: the key does not match',
      { RABBITMQ_CERT_FILE: 'one.pem', RABBITMQ_KEY_FILE: 'other.key' },
    ],
    [
      'RABBITMQ_SERVER_NAME: this setting requires TLS',
      { RABBITMQ_SERVER_NAME: 'x', RABBITMQ_URL: 'amqp://u:p@h/' },
    ],
  ])('%s … stops the start', (expected, settings) => {
    const message = refusalMessage(() => relayOptionsWith(settings));
    expect(message).toContain(expected);
    expect(message).not.toContain('\n');
  });
});

describe('a failure of the broker', () => {
  const source: Source = {
    mode: 'own',
    queue: 'ours',
    exchange: 'keystone',
    routingKey: 'notifications.info',
    arguments: {},
  };
  const report = (thrown: unknown, hasSeenQueue: boolean) =>
    brokerFailure(thrown, source, 'amqp://u:hunter2@h/nope', hasSeenQueue).report;
  const refusedConnection = Object.assign(new Error('connect ECONNREFUSED'), {
    code: 'ECONNREFUSED',
  });

  it('states that the queue keeps notifications only if this process has seen the queue', () => {
    expect(report(refusedConnection, true).advice).toContain(
      'Queue ours keeps the notifications of Keystone',
    );
    const { advice } = report(refusedConnection, false);
    expect(advice).toContain('has not seen queue ours');
    expect(advice).not.toMatch(/keeps|nothing is lost/i);
  });
  it('names a virtual host that does not exist', () => {
    const error = 'Expected ConnectionOpenOk; got <ConnectionClose channel:0>';
    expect(report(new Error(error), false)).toMatchObject({
      code: 'rabbitmq.virtual-host',
      message:
        'h:5672 refused the virtual host nope: it does not exist, or the login has no permission for it',
    });
  });
  it('reports a refused certificate with the settings for it', () => {
    const refused = Object.assign(new Error('self-signed certificate in certificate chain'), {
      code: 'SELF_SIGNED_CERT_IN_CHAIN',
    });
    expect(report(refused, false)).toMatchObject({
      code: 'rabbitmq.tls',
      advice: expect.stringContaining('RABBITMQ_CA_FILE'),
    });
  });
});
