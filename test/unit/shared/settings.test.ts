import { readFileSync } from 'node:fs';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { readSettings, Settings } from '../../../lib/shared/settings.ts';

function errorOf(environment: Record<string, string>): PropagatorError {
  try {
    readSettings(environment);
  } catch (thrown) {
    if (thrown instanceof PropagatorError) return thrown;
  }
  throw new Error('these settings were accepted');
}

describe('settings', () => {
  it('default to mode observe and a grace period of one hour, and none is required', () => {
    expect(readSettings({})).toMatchObject({
      PROPAGATOR_MODE: 'observe',
      PROPAGATOR_GRACE_PERIOD: 3_600_000,
      PROPAGATOR_PORT: 8787,
      PROPAGATOR_CONFIRMATION_INTERVAL: 5000,
    });
    expect(readSettings({ PROPAGATOR_MODE: '', RABBITMQ_URL: '' })).toEqual(readSettings({}));
  });
  it('are parsed from text', () => {
    const settings = readSettings({
      PROPAGATOR_MODE: 'enforce',
      PROPAGATOR_GRACE_PERIOD: '0s',
      PROPAGATOR_PROTECTED_PROJECTS: 'a, b,',
      PROPAGATOR_CONCURRENCY: 'nova=4, neutron=2',
      RABBITMQ_URL: 'amqp://guest:guest@rabbit:5672/',
    });
    expect(settings).toMatchObject({
      PROPAGATOR_MODE: 'enforce',
      PROPAGATOR_GRACE_PERIOD: 0,
      PROPAGATOR_PROTECTED_PROJECTS: ['a', 'b'],
      PROPAGATOR_CONCURRENCY: { nova: 4, neutron: 2 },
    });
  });
  const WRONG: [string, string][] = [
    ['PROPAGATOR_MODE', 'on'],
    ['PROPAGATOR_GRACE_PERIOD', '10'],
    ['PROPAGATOR_GRACE_PERIOD', '-1s'],
    ['PROPAGATOR_GRACE_PERIOD', '400d'],
    ['PROPAGATOR_CONFIRMATION_INTERVAL', '10ms'],
    ['PROPAGATOR_STALL_TIMEOUT', 'never'],
    ['PROPAGATOR_MAX_WAIT', '400d'],
    ['PROPAGATOR_TOKEN_CACHE_TIME', '300'],
    ['PROPAGATOR_SWEEP', '1s'],
    ['PROPAGATOR_API_TOKENS', 'ann'],
    ['PROPAGATOR_API_AUTH', 'none'],
    ['PROPAGATOR_API_ADDRESS', 'localhost'],
    ['PROPAGATOR_API_SCOPES', 'project:'],
    ['PROPAGATOR_API_SCOPES', 'admin'],
    ['PROPAGATOR_API_RATE_LIMIT', '0'],
    ['PROPAGATOR_PORT', '99999'],
    ['PROPAGATOR_PROTECTED_PROJECTS', 'my project'],
    ['PROPAGATOR_PROTECTED_DOMAINS', 'a;b'],
    ['PROPAGATOR_MAX_OPERATIONS_PER_HOUR', '-1'],
    ['PROPAGATOR_MAX_RESOURCES_PER_OPERATION', '0'],
    ['PROPAGATOR_DRIFT_RESOURCES', '-1'],
    ['PROPAGATOR_DRIFT_PERCENT', '101'],
    ['PROPAGATOR_TWO_APPROVERS', 'ann,bob'],
    ['PROPAGATOR_CONCURRENCY', 'nova'],
    ['PROPAGATOR_REMOTE_SERVICES', 'billing'],
    ['PROPAGATOR_LOG_LEVEL', 'verbose'],
    ['PROPAGATOR_INGEST_QUEUE_URL', 'sqs'],
    ['PROPAGATOR_API_URL', 'http://host:port'],
    ['DATABASE_URL', 'mysql://x'],
    ['DATABASE_URL', 'postgres://u:hunter2/x@h/db'],
    ['RABBITMQ_URL', 'http://x'],
    ['RABBITMQ_URL', 'amqp://'],
    ['RABBITMQ_URL', 'amqp://u:p@host:port/'],
    ['RABBITMQ_URL', 'amqp://u:p@host/?hartbeat=5'],
    ['RABBITMQ_QUEUE_TYPE', 'lazy'],
    ['RABBITMQ_SHARED_QUEUE', 'yes'],
    ['RABBITMQ_MANAGEMENT_URL', 'rabbit:15672'],
    ['RABBITMQ_CA', '/etc/ca.pem'],
    ['PROPAGATOR_MODUS', 'enforce'],
  ];
  it.each(WRONG)('%s=%s stops the start with one line that names it', (name, value) => {
    const { message } = errorOf({ [name]: value }).report;
    expect(message).toMatch(new RegExp(`^${name}: .+`));
    expect(message).not.toContain('\n');
  });
  it('are all checked: the table above has a wrong value of each, except for free text', () => {
    const freeTextSettings = [
      'PROPAGATOR_DATA',
      'PROPAGATOR_POLICY',
      'PROPAGATOR_API_TOKEN',
      'PROPAGATOR_API_TOKEN_FILE',
      'PROPAGATOR_API_CERT_FILE',
      'PROPAGATOR_API_KEY_FILE',
      'PROPAGATOR_API_READER_ROLES',
      'PROPAGATOR_API_OPERATOR_ROLES',
      'PROPAGATOR_API_ADMIN_ROLES',
      'PROPAGATOR_INCLUDE_SERVICES',
      'PROPAGATOR_SERVICE_MODULES',
      'RABBITMQ_CA_FILE',
      'RABBITMQ_CERT_FILE',
      'RABBITMQ_KEY_FILE',
      'RABBITMQ_SERVER_NAME',
      'RABBITMQ_EXCHANGE',
      'RABBITMQ_ROUTING_KEY',
      'RABBITMQ_QUEUE',
      'RABBITMQ_TOPIC_QUEUE',
    ];
    const checkedSettings = [...new Set(WRONG.map(([name]) => name))].filter(
      (name) => name in Settings.shape,
    );
    expect([...checkedSettings, ...freeTextSettings].toSorted()).toEqual(
      Object.keys(Settings.shape).toSorted(),
    );
  });
  it.each([
    ['PROPAGATOR_MODUS', 'PROPAGATOR_MODE'],
    ['PROPAGATOR_GRACE_PERIODE', 'PROPAGATOR_GRACE_PERIOD'],
    ['RABBITMQ_CAFILE', 'RABBITMQ_CA_FILE'],
  ])('%s is reported as unknown with the suggestion %s', (name, suggested) => {
    expect(errorOf({ [name]: 'x' }).report.message).toContain(`did you mean ${suggested}`);
  });
  it('a name of an earlier release is refused with the new name', () => {
    expect(errorOf({ PROPAGATOR_GRACE: '1h' }).report.message).toBe(
      'PROPAGATOR_GRACE: this setting is now PROPAGATOR_GRACE_PERIOD',
    );
  });
  it('never repeat a value in an error, because it may be a password', () => {
    expect(
      JSON.stringify(errorOf({ RABBITMQ_URL: 'http://user:hunter2@rabbit' }).report),
    ).not.toContain('hunter2');
  });
  it('are exactly those of the table in docs/settings.md, with their defaults', () => {
    const [, table = ''] =
      /\| setting \| default \|[^\n]*\n\|[-|]+\|\n([\s\S]*?)\n\n/.exec(
        readFileSync('docs/settings.md', 'utf8'),
      ) ?? [];
    const tableRows = table
      .split('\n')
      .map((line) => /^\| `(\w+)` \|(?: `([^`]*)`)? /.exec(line) ?? []);
    expect(tableRows.map(([, name]) => name).toSorted()).toEqual(
      Object.keys(Settings.shape).toSorted(),
    );
    const defaults = readSettings({});
    const documentedDefaults = Object.fromEntries(
      tableRows.flatMap(([, name, value]) => (name && value ? [[name, value]] : [])),
    );
    expect(readSettings(documentedDefaults)).toEqual(defaults);
    const namesWithDefault = Object.entries(defaults).flatMap(([name, value]) =>
      (Array.isArray(value) ? value.length === 0 : typeof value === 'object') ? [] : [name],
    );
    expect(Object.keys(documentedDefaults).toSorted()).toEqual(namesWithDefault.toSorted());
  });
  it('may include settings of the commands, which have no effect on a process', () => {
    expect(
      readSettings({ PROPAGATOR_API_URL: 'https://abc.execute-api.eu-central-1.amazonaws.com' }),
    ).toMatchObject(readSettings({}));
    expect(readSettings({ PROPAGATOR_API_URL: 'catalog' })).toMatchObject(readSettings({}));
  });
  it('have names with the prefix of their program', () => {
    for (const name of Object.keys(Settings.shape))
      expect(name).toMatch(/^(PROPAGATOR|RABBITMQ)_|^DATABASE_URL$/);
  });
});
