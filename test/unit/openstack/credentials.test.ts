import { inspect } from 'node:util';
import { readCredentials } from '../../../lib/openstack/credentials.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';

const VARIABLES = {
  OS_AUTH_URL: 'https://keystone.example.org:5000',
  OS_USERNAME: 'cleaner',
  OS_PASSWORD: 'hunter2hunter2',
  OS_PROJECT_NAME: 'ops',
  OS_USER_DOMAIN_NAME: 'Default',
  OS_PROJECT_DOMAIN_ID: 'default',
};
const CLOUDS = `
clouds:
  prod:
    auth:
      auth_url: https://keystone.example.org/identity/v3/
      username: cleaner
      project_id: 4f1c
      user_domain_id: default
    regions: [north, {name: south, values: {}}]
    interface: internal
    cacert: ~/ca.pem
  app:
    auth_type: v3applicationcredential
    auth: {auth_url: "https://k.example.org/v3", application_credential_id: 77aa, application_credential_secret: s3cretS3cret}
    region_name: north
`;

const read = (env: Record<string, string | undefined>, files: Record<string, string> = {}) =>
  readCredentials({ env, readFile: (path) => files[path], home: '/home/op', cwd: '/srv' });

const errorMessage = (
  env: Record<string, string | undefined>,
  files: Record<string, string> = {},
): string => {
  try {
    read(env, files);
  } catch (error) {
    if (error instanceof PropagatorError) return error.report.message;
    throw error;
  }
  throw new Error('these credentials were accepted');
};

describe('an endpoint override of clouds.yaml', () => {
  const withOverride = (line: string) => ({
    '/srv/clouds.yaml': CLOUDS.replace('  app:\n', `  app:\n    ${line}\n`),
  });
  const env = { OS_CLOUD: 'app' };

  it('is the endpoint of its service', () => {
    const files = withOverride('load_balancer_endpoint_override: http://lb.example.org/octavia//');
    expect(read(env, files).endpointOverrides).toEqual({
      'load-balancer': 'http://lb.example.org/octavia',
    });
  });

  it.each(['null', "''"])('that is %s has no effect', (value) => {
    expect(read(env, withOverride(`image_endpoint_override: ${value}`)).endpointOverrides).toEqual(
      {},
    );
  });

  it.each([
    ['image_endpoint_override: 7', /is not an http or https URL/],
    ['image_endpoint_override: glance', /is not an http or https URL/],
    ['image_endpoint_override: ftp://glance.example.org', /is not an http or https URL/],
    ['identity_endpoint_override: ftp://k.example.org', /is not an http or https URL/],
    ['identity_endpoint_override: https://k.example.org', /Keystone is called at auth_url/],
  ])('%s is refused', (line, message) => {
    expect(errorMessage(env, withOverride(line))).toMatch(message);
  });

  it('needs one region', () => {
    const override = 'image_endpoint_override: https://glance.example.org';
    const path = '/srv/clouds.yaml';
    const files = { [path]: CLOUDS.replace('    interface: internal\n', `    ${override}\n`) };
    expect(errorMessage({ OS_CLOUD: 'prod', OS_PASSWORD: 'x' }, files)).toMatch(/needs one region/);
  });
});

describe('a profile of clouds.yaml', () => {
  // An object of JavaScript has fields with these names.
  it.each(['constructor', '__proto__', 'toString', 'unknown'])(
    'named %s is ignored, because no vendor has this name',
    (profile) => {
      const withProfile = CLOUDS.replace('  app:\n', `  app:\n    profile: ${profile}\n`);
      const path = '/srv/clouds.yaml';
      const env = { OS_CLOUD: 'app' };
      expect(read(env, { [path]: withProfile }).authUrl).toBe(
        read(env, { [path]: CLOUDS }).authUrl,
      );
    },
  );
});

describe('credentials from OS_* variables', () => {
  it('log in with a password, a user and a project in their domains', () => {
    const credentials = read(VARIABLES);
    expect(credentials.authUrl).toBe('https://keystone.example.org:5000/v3');
    expect(credentials.identity()).toEqual({
      methods: ['password'],
      password: {
        user: { name: 'cleaner', domain: { name: 'Default' }, password: 'hunter2hunter2' },
      },
    });
    expect(credentials.scope).toEqual({ project: { name: 'ops', domain: { id: 'default' } } });
    expect(credentials).toMatchObject({
      regions: [],
      interfaces: ['public'],
      tls: { verify: true, ca: undefined },
    });
  });

  it('accept ids without domains', () => {
    const credentials = read({
      OS_AUTH_URL: 'http://k/v3/',
      OS_USER_ID: 'u1',
      OS_PASSWORD: 'x',
      OS_PROJECT_ID: 'p1',
    });
    expect(credentials.identity()).toEqual({
      methods: ['password'],
      password: { user: { id: 'u1', password: 'x' } },
    });
    expect(credentials.scope).toEqual({ project: { id: 'p1' } });
  });

  it.each([
    [{ OS_APPLICATION_CREDENTIAL_ID: '77aa' }, { id: '77aa', secret: 's' }],
    [
      {
        OS_APPLICATION_CREDENTIAL_NAME: 'app',
        OS_USERNAME: 'cleaner',
        OS_USER_DOMAIN_NAME: 'Default',
      },
      { name: 'app', user: { name: 'cleaner', domain: { name: 'Default' } }, secret: 's' },
    ],
    [
      { OS_APPLICATION_CREDENTIAL_NAME: 'app', OS_USER_ID: 'u1' },
      { name: 'app', user: { id: 'u1' }, secret: 's' },
    ],
  ])(
    'accept the application credential %o without a scope, because it has its own',
    (variables, expected) => {
      const credentials = read({
        OS_AUTH_URL: 'http://k/v3',
        OS_APPLICATION_CREDENTIAL_SECRET: 's',
        ...variables,
      });
      expect(credentials.identity()).toEqual({
        methods: ['application_credential'],
        application_credential: expected,
      });
      expect(credentials.scope).toBeUndefined();
    },
  );

  it('read regions as a comma list and the interface under both of its names', () => {
    expect(read({ ...VARIABLES, OS_REGION_NAME: 'north, south,north' }).regions).toEqual([
      'north',
      'south',
    ]);
    expect(read({ ...VARIABLES, OS_ENDPOINT_TYPE: 'internalURL' }).interfaces).toEqual([
      'internal',
    ]);
    expect(
      read({ ...VARIABLES, OS_INTERFACE: 'admin', OS_ENDPOINT_TYPE: 'internalURL' }).interfaces,
    ).toEqual(['admin']);
  });

  it('treat an empty variable as not set', () => {
    expect(errorMessage({ ...VARIABLES, OS_PASSWORD: '' })).toBe('OS_PASSWORD is missing');
    expect(read({ ...VARIABLES, OS_CLOUD: '', OS_REGION_NAME: '', OS_CACERT: '' }).regions).toEqual(
      [],
    );
  });
});

describe('credentials from clouds.yaml', () => {
  const files = {
    '/home/op/.config/openstack/clouds.yaml': CLOUDS,
    '/home/op/ca.pem': '-----BEGIN CERTIFICATE-----\nx',
  };
  const secure = {
    ...files,
    '/etc/openstack/secure.yaml': 'clouds: {prod: {auth: {password: fromSecureYaml}}}',
  };

  it('are read from the home folder, with the password from secure.yaml', () => {
    const credentials = read({ OS_CLOUD: 'prod' }, secure);
    expect(credentials.identity()).toEqual({
      methods: ['password'],
      password: {
        user: { name: 'cleaner', domain: { id: 'default' }, password: 'fromSecureYaml' },
      },
    });
    expect(credentials).toMatchObject({
      authUrl: 'https://keystone.example.org/identity/v3',
      regions: ['north', 'south'],
      interfaces: ['internal'],
      tls: { ca: '-----BEGIN CERTIFICATE-----\nx', verify: true },
      source: '/home/op/.config/openstack/clouds.yaml (prod)',
    });
  });

  it('are read from the working folder first, and only from OS_CLIENT_CONFIG_FILE if it is set', () => {
    const other = (url: string) =>
      `clouds: {app: {auth: {auth_url: "${url}", application_credential_id: a, application_credential_secret: b}}}`;
    const all = {
      ...files,
      '/srv/clouds.yaml': other('http://here/v3'),
      '/opt/my.yaml': other('http://chosen/v3'),
    };
    expect(read({ OS_CLOUD: 'app' }, all).authUrl).toBe('http://here/v3');
    expect(read({ OS_CLOUD: 'app', OS_CLIENT_CONFIG_FILE: '/opt/my.yaml' }, all).authUrl).toBe(
      'http://chosen/v3',
    );
    expect(errorMessage({ OS_CLOUD: 'app', OS_CLIENT_CONFIG_FILE: '/opt/no.yaml' }, all)).toContain(
      'OS_CLIENT_CONFIG_FILE',
    );
  });

  it('accept OS_REGION_NAME, OS_INTERFACE and OS_PASSWORD beside OS_CLOUD', () => {
    const credentials = read(
      {
        OS_CLOUD: 'prod',
        OS_REGION_NAME: 'south',
        OS_INTERFACE: 'public',
        OS_PASSWORD: 'fromTheEnvironment',
      },
      files,
    );
    expect(credentials).toMatchObject({ regions: ['south'], interfaces: ['public'] });
    expect(credentials.secret()).toBe('fromTheEnvironment');
  });

  it('switch the check of certificates off only if a setting says so', () => {
    const tls = (lines: string) =>
      read(
        { OS_CLOUD: 'app' },
        { '/srv/clouds.yaml': CLOUDS.replace('    region_name: north', lines) },
      ).tls.verify;
    expect(tls('    verify: true')).toBe(true);
    expect(tls('    verify: false')).toBe(false);
    expect(() => tls('    verify: "False"')).toThrow(/verify must be true or false/);
    expect(tls('    insecure: true')).toBe(false);
    expect(tls('    verify:')).toBe(true);
  });
});

describe('wrong credentials are refused with one line that names the setting', () => {
  const without = (name: string) => ({ ...VARIABLES, [name]: undefined });
  it.each<[string, Record<string, string | undefined>, Record<string, string>]>([
    ['OS_CLOUD: set it to a cloud', {}, {}],
    ['OS_USERNAME is missing (or OS_USER_ID)', without('OS_USERNAME'), {}],
    ['OS_PROJECT_NAME is missing (or OS_PROJECT_ID)', without('OS_PROJECT_NAME'), {}],
    ['OS_USER_DOMAIN_NAME is missing (or OS_USER_DOMAIN_ID)', without('OS_USER_DOMAIN_NAME'), {}],
    [
      'OS_PROJECT_DOMAIN_NAME is missing (or OS_PROJECT_DOMAIN_ID)',
      without('OS_PROJECT_DOMAIN_ID'),
      {},
    ],
    ['OS_AUTH_URL is not an http or https URL', { ...VARIABLES, OS_AUTH_URL: 'keystone:5000' }, {}],
    ['OS_AUTH_URL: Keystone', { ...VARIABLES, OS_AUTH_URL: 'http://k:5000/v2.0' }, {}],
    ['OS_AUTH_TYPE=v3token is not supported', { ...VARIABLES, OS_AUTH_TYPE: 'v3token' }, {}],
    ['OS_SYSTEM_SCOPE: Nova', { ...VARIABLES, OS_SYSTEM_SCOPE: 'all' }, {}],
    ['OS_INTERFACE must be', { ...VARIABLES, OS_INTERFACE: 'privat' }, {}],
    [
      'OS_CACERT: there is no readable file /no/ca.pem',
      { ...VARIABLES, OS_CACERT: '/no/ca.pem' },
      {},
    ],
    [
      'OS_CACERT: /ca.pem contains no certificate',
      { ...VARIABLES, OS_CACERT: '/ca.pem' },
      { '/ca.pem': 'no pem' },
    ],
    [
      'OS_APPLICATION_CREDENTIAL_SECRET is missing',
      { OS_AUTH_URL: 'http://k', OS_APPLICATION_CREDENTIAL_ID: 'x' },
      {},
    ],
    [
      'OS_CLOUD=prod: there is no clouds.yaml in /srv, /home/op/.config/openstack, /etc/xdg/openstack, /etc/openstack',
      { OS_CLOUD: 'prod' },
      {},
    ],
    [
      'OS_CLOUD=nope: /srv/clouds.yaml has only prod, app',
      { OS_CLOUD: 'nope' },
      { '/srv/clouds.yaml': CLOUDS },
    ],
    [
      '/srv/clouds.yaml: clouds.prod.auth.password is missing',
      { OS_CLOUD: 'prod' },
      { '/srv/clouds.yaml': CLOUDS },
    ],
    [
      '/srv/clouds.yaml: this is not valid YAML',
      { OS_CLOUD: 'x' },
      { '/srv/clouds.yaml': 'clouds: {x: {auth: {password: hunter2hunter2' },
    ],
    [
      'OS_CLOUD=x: /srv/clouds.yaml has no clouds',
      { OS_CLOUD: 'x' },
      { '/srv/clouds.yaml': 'cloud: {}' },
    ],
    [
      '/srv/clouds.yaml: clouds.x.auth is not a mapping of fields',
      { OS_CLOUD: 'x' },
      { '/srv/clouds.yaml': 'clouds: {x: {auth: [hunter2hunter2]}}' },
    ],
    [
      '/srv/clouds.yaml: clouds.x.profile: a profile at a URL is not supported',
      { OS_CLOUD: 'x' },
      { '/srv/clouds.yaml': 'clouds: {x: {profile: vexxhost}}' },
    ],
  ])('%s …', (expected, env, files) => {
    const message = errorMessage(env, files);
    expect(message).toContain(expected);
    expect(message).not.toContain('\n');
    expect(message).not.toContain('hunter2');
  });
});

it('never show a secret when credentials are printed or stored', () => {
  const credentials = read({ OS_CLOUD: 'app' }, { '/srv/clouds.yaml': CLOUDS });
  const printed =
    inspect(credentials, { depth: 20, showHidden: true }) + JSON.stringify(credentials);
  expect(printed).not.toContain('s3cret');
  expect(JSON.stringify(credentials.identity())).toContain('s3cretS3cret');
});
