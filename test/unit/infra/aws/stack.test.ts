import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { checkLimits } from '../../../../infra/aws/template/limits.ts';
import { PARAMETER_NAMES, SETTING_PARAMETERS } from '../../../../infra/aws/template/parameters.ts';
import { serverlessFunctions } from '../../../../infra/aws/template/serverless-functions.ts';
import { stackOf } from '../../../../infra/aws/template/stack.ts';
import { serverlessResources } from '../../../../infra/aws/template/template.ts';
import { NO_POLICY } from '../../../../lib/policy/schema.ts';
import { SERVICES } from '../../../../lib/services/index.ts';
import { PropagatorError } from '../../../../lib/shared/errors.ts';
import { defineService, defineType } from '../../../../lib/task/service.ts';

const storage = defineService({
  name: 'cloud-storage',
  catalogTypes: ['storage'],
  resourceTypes: [
    defineType({
      name: 'volume',
      list: async ({ api }) =>
        (await api.list('/v1/volumes', { row: z.object({ id: z.string() }), paging: 'none' })).rows,
      id: (row) => row.id,
      owner: () => undefined,
      label: () => undefined,
      remove: async () => ({ kind: 'gone' }),
    }),
  ],
});

/**
 * The resources of a stage by their names. A resource without a name is listed by its logical id.
 */
function namesIn(services: typeof SERVICES): string[] {
  const stack = stackOf('test', {}, services);
  const functions = Object.entries(serverlessFunctions(stack)).map(
    ([key, definition]) => `function ${key} ${Reflect.get(definition, 'name')}`,
  );
  const resources = Object.entries(serverlessResources(stack).Resources).map(
    ([id, { Type }]) => `${Type} ${id}`,
  );
  return [...functions, ...resources];
}

describe('a new service file', () => {
  it('adds its function, role, queue, dead-letter queue, rule, rights and alarms, and changes nothing else', () => {
    const before = namesIn(SERVICES);
    const after = namesIn([...SERVICES, storage]);
    expect(before.filter((name) => !after.includes(name))).toEqual([]);
    expect(after.filter((name) => !before.includes(name)).toSorted()).toEqual([
      'AWS::CloudWatch::Alarm ServiceCloudStorageDeadLettersAlarm',
      'AWS::CloudWatch::Alarm ServiceCloudStorageDeadLettersExpireAlarm',
      'AWS::CloudWatch::Alarm ServiceCloudStorageErrorsAlarm',
      'AWS::CloudWatch::Alarm ServiceCloudStorageOldestAlarm',
      'AWS::CloudWatch::Alarm ServiceCloudStorageThrottlesAlarm',
      'AWS::Events::Rule ServiceCloudStorageRule',
      'AWS::IAM::Role ServiceCloudStorageRole',
      'AWS::SQS::Queue ServiceCloudStorageDeadLetters',
      'AWS::SQS::Queue ServiceCloudStorageQueue',
      'AWS::SQS::QueuePolicy ServiceCloudStorageQueuePolicy',
      'function serviceCloudStorage propagator-test-service-cloud-storage',
    ]);
  });

  it('adds a rule, and adds the name of its service to the variables of each function', () => {
    const stack = stackOf('test', {}, [...SERVICES, storage]);
    expect(
      stack.topology.rules.find(({ queue }) => queue === 'service-cloud-storage')?.pattern,
    ).toMatchObject({
      detail: { service: ['cloud-storage'] },
    });
    for (const definition of Object.values(serverlessFunctions(stack)))
      expect(Reflect.get(definition, 'environment')).toMatchObject({
        STACK_SERVICES: expect.stringContaining('cloud-storage'),
      });
  });
});

const folder = mkdtempSync(join(tmpdir(), 'propagator-stack-'));
afterAll(() => rmSync(folder, { recursive: true }));

const refusal = (given: Record<string, string>, stage = 'prod'): string => {
  try {
    stackOf(stage, given);
  } catch (error) {
    if (error instanceof PropagatorError) return error.message;
  }
  return 'taken';
};

describe('a parameter', () => {
  it.each([
    [
      'alarmMail',
      'a@example.org',
      /^alarmMail: unknown parameter; the parameters are alarmEmail, /,
    ],
    ['PROPAGATOR_MOD', 'enforce', /^PROPAGATOR_MOD: unknown parameter; .*PROPAGATOR_MODE/],
    ['propagator_mode', 'enforce', /^propagator_mode: unknown parameter/],
    [
      'DATABASE_URL',
      'postgres://db',
      /^DATABASE_URL: only the embedded process and the relay have this setting/,
    ],
    ['PROPAGATOR_MODE', 'destroy', /^PROPAGATOR_MODE: Invalid option/],
    [
      'PROPAGATOR_REMOTE_SERVICES',
      'nova=http://127.0.0.1/',
      /^PROPAGATOR_REMOTE_SERVICES: a service nova already exists/,
    ],
    ['alarmEmail', 'team', /^alarmEmail: write one address/],
    ['alarmEmail', 'a@example.org,b@example.org', /^alarmEmail: write one address/],
    ['subnets', 'subnet-1', /^subnets and securityGroups: set both/],
    ['subnets', 'vpc-1', /^subnets: write ids with commas/],
    [
      'kmsKey',
      'arn:aws:kms:eu-central-1:1:alias/propagator',
      /^kmsKey: write the ARN of a key, not of an alias/,
    ],
    ['secret', 'propagator-prod/openstack', /^secret: write the ARN/],
    ['logDays', '91', /^logDays: CloudWatch permits only 1, 3, /],
    ['archiveDays', 'month', /^archiveDays: write a number/],
    ['silentMinutes', '2', /^silentMinutes: write a number from 5/],
    ['silentMinutes', '30m', /^silentMinutes: write a number from 5/],
  ])('%s=%s is refused in one line that names it', (name, value, line) => {
    expect(refusal({ [name]: value })).toMatch(line);
    expect(refusal({ [name]: value })).not.toContain('\n');
  });

  it('PROPAGATOR_POLICY with a wrong file is refused with the line of the error', () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, 'version: 1\nrules:\n  - match: { domian: customers }\n    on: {}\n');
    expect(refusal({ PROPAGATOR_POLICY: file })).toMatch(
      /^PROPAGATOR_POLICY: line 3: .*there is no field "domian"/,
    );
    expect(refusal({ PROPAGATOR_POLICY: join(folder, 'none.yaml') })).toMatch(
      /^PROPAGATOR_POLICY: the file cannot be read: .*ENOENT/,
    );
  });

  it('PROPAGATOR_POLICY is read for the bundles, and no function gets the path', () => {
    const file = join(folder, 'policy.yaml');
    writeFileSync(file, 'version: 1\nsuspend: { nova: none }\n');
    const stack = stackOf('prod', { PROPAGATOR_POLICY: file });
    expect(stack.policy.suspend.nova).toBe('none');
    expect(JSON.stringify(serverlessFunctions(stack))).not.toContain(file);
    expect(stackOf('prod', {}).policy).toEqual(NO_POLICY);
  });

  it('counts as unset if it is empty', () => {
    const none = Object.fromEntries(PARAMETER_NAMES.map((name) => [name, '']));
    expect(stackOf('prod', none)).toEqual(stackOf('prod', {}));
  });

  it('is in the table of docs/aws.md, which contains nothing else', () => {
    const page = readFileSync(new URL('../../../../docs/aws.md', import.meta.url), 'utf8');
    const [, table = ''] = /\| parameter \|[^\n]*\n\|[-|]+\|\n([\s\S]*?)\n\n/.exec(page) ?? [];
    const shown = table
      .split('\n')
      .flatMap((line) =>
        [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name),
      );
    expect(shown.toSorted()).toEqual(
      [
        'PROPAGATOR_API_AUTH',
        'PROPAGATOR_MODE',
        'PROPAGATOR_POLICY',
        ...PARAMETER_NAMES.filter((name) => !SETTING_PARAMETERS.includes(name as never)),
      ].toSorted(),
    );
  });
});

describe('the name of a stage', () => {
  it('is refused if the name of a function would be longer than AWS allows', () => {
    const room = 64 - 'propagator--service-designate'.length;
    expect(refusal({}, 's'.repeat(room))).toBe('taken');
    expect(refusal({}, 's'.repeat(room + 1))).toMatch(
      /^--stage: shorten it by 1: the name propagator-s+-service-\w+ may have at most 64 characters$/,
    );
  });
});

describe('the settings of a function', () => {
  it('are refused if they are longer than Lambda permits, with the name of the longest one', () => {
    const settings = {
      PROPAGATOR_MODE: 'enforce',
      PROPAGATOR_PROTECTED_PROJECTS: 'p'.repeat(4096),
    };
    expect(() => checkLimits(stackOf('test', {}), {}, [settings])).toThrow(
      'The settings have 4147 bytes, and Lambda permits 4096. ' +
        'Shorten the longest setting: PROPAGATOR_PROTECTED_PROJECTS.',
    );
  });
});
