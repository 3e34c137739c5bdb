import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { templateWithTable } from '../../../../infra/aws/import-table.ts';
import { policiesOfRole } from '../../../../infra/aws/template/limits.ts';
import { serverlessFunctions } from '../../../../infra/aws/template/serverless-functions.ts';
import { stackOf } from '../../../../infra/aws/template/stack.ts';
import { serverlessResources } from '../../../../infra/aws/template/template.ts';
import { ofType, resourcesOf } from './template-fixture.ts';

const KEY = { kmsKey: 'arn:aws:kms:eu-central-1:123456789012:key/k' };

const ROOT = join(import.meta.dirname, '../../../..');
/** The text of a file and of all files of the project that it imports. */
function sourcesFrom(file: string, seen = new Map<string, string>()): string[] {
  if (seen.has(file)) return [];
  const source = readFileSync(file, 'utf8');
  seen.set(file, source);
  for (const [, path] of source.matchAll(/^(?:im|ex)port (?!type)[^;]*? from '(\.[^']+)'/gm))
    sourcesFrom(resolve(dirname(file), path ?? ''), seen);
  return [...seen.values()];
}

describe('a delay that is longer than a queue allows', () => {
  it('is possible for each function that sends delayed messages, because it may create a schedule', () => {
    const stack = stackOf('test', {});
    const functions = serverlessFunctions(stack);
    const { coordinate, api, sweep, ingest } = functions;
    for (const [name, one] of Object.entries({ coordinate, api, sweep, ingest })) {
      expect(
        Reflect.get(Reflect.get(one ?? {}, 'environment'), 'STACK_SCHEDULER_ROLE_ARN'),
      ).toEqual({
        'Fn::GetAtt': ['SchedulerRole', 'Arn'],
      });
      const id = `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`;
      const role = JSON.stringify(ofType('AWS::IAM::Role').find(([roleId]) => roleId === id));
      expect(role).toContain('scheduler:CreateSchedule');
      expect(role).toContain('iam:PassRole');
      expect(role).toContain('"Undelivered"');
    }
  });
});

describe('the order of a deployment', () => {
  it('creates the queue policies before the functions that send to the queues', () => {
    const stack = stackOf('test', {});
    const policies = ofType('AWS::SQS::QueuePolicy').map(([id]) => id);
    const { coordinate, api, sweep, ingest, serviceNova } = serverlessFunctions(stack);
    const live = policies.filter((id) => !id.includes('DeadLetters'));
    for (const one of [coordinate, api, sweep])
      expect(Reflect.get(one ?? {}, 'dependsOn').toSorted()).toEqual(live.toSorted());
    for (const one of [ingest, serviceNova])
      expect(Reflect.get(one ?? {}, 'dependsOn')).toEqual([
        'CoordinateQueuePolicy',
        'UndeliveredPolicy',
      ]);
  });
});

describe('queues and topics', () => {
  it('refuse every call without TLS', () => {
    const resources = resourcesOf();
    const statements = Object.values(resources).flatMap(({ Type, Properties }) =>
      /QueuePolicy|TopicPolicy/.test(Type)
        ? [{ of: Properties.Queues ?? Properties.Topics, policy: Properties.PolicyDocument }]
        : [],
    );
    const covered = statements
      .filter(({ policy }) =>
        Object(policy).Statement.some(
          (one: { Effect: string; Principal: string; Condition: object }) =>
            one.Effect === 'Deny' &&
            one.Principal === '*' &&
            JSON.stringify(one.Condition) === '{"Bool":{"aws:SecureTransport":"false"}}',
        ),
      )
      .flatMap(({ of }) => of as { Ref: string }[])
      .map(({ Ref }) => Ref);
    const all = Object.entries(resources).filter(([, { Type }]) =>
      /^AWS::S[QN]S::(Queue|Topic)$/.test(Type),
    );
    expect(covered.toSorted()).toEqual(all.map(([id]) => id).toSorted());
  });
});

describe('tracing', () => {
  it('is off by default, and needs two rights of X-Ray when it is on', () => {
    const text = (given: Record<string, string>) =>
      JSON.stringify([serverlessFunctions(stackOf('test', given)), resourcesOf(given)]);
    expect(text({})).not.toMatch(/xray|"tracing"/);
    expect(text({ tracing: 'yes' })).toMatch(/"tracing":"Active"/);
    expect(text({ tracing: 'yes' })).toContain('xray:PutTraceSegments');
  });
});

describe('the archive', () => {
  it('excludes the decisions of operators, because a replay would repeat them', () => {
    const pattern = resourcesOf().Archive?.Properties.EventPattern;
    expect(pattern).toEqual({
      source: ['keystone-propagator'],
      'detail-type': [
        {
          'anything-but': [
            'operation.released',
            'operation.canceled',
            'task.redriven',
            'task.discarded',
          ],
        },
      ],
    });
  });
});

describe('a customer-managed key', () => {
  it('encrypts bus, archive, table and logs, and the bus has a queue for undelivered events', () => {
    const resources = resourcesOf(KEY);
    const undelivered = { 'Fn::GetAtt': ['Undelivered', 'Arn'] };
    expect(resources.Bus?.Properties).toMatchObject({
      KmsKeyIdentifier: KEY.kmsKey,
      DeadLetterConfig: { Arn: undelivered },
    });
    expect(resources.Archive?.Properties).toMatchObject({ KmsKeyIdentifier: KEY.kmsKey });
    expect(JSON.stringify(resources.UndeliveredPolicy?.Properties)).toContain(
      '{"Fn::GetAtt":["Bus","Arn"]}',
    );
    expect(resources.Table?.Properties).toMatchObject({
      SSESpecification: { KMSMasterKeyId: KEY.kmsKey },
    });
    expect(resourcesOf().Bus?.Properties).toEqual({ Name: 'propagator-test' });
    const { extensions } = serverlessResources(stackOf('test', KEY));
    for (const logGroup of ['ApiLogGroup', 'ServiceNovaLogGroup', 'HttpApiLogGroup'])
      expect(extensions[logGroup]).toEqual({ Properties: { KmsKeyId: KEY.kmsKey } });
  });
});

describe('a function', () => {
  const rightsOf = (id: string) => JSON.stringify(resourcesOf()[id]?.Properties.Policies);

  const writes = /dynamodb:(Put|Update|Delete|BatchWrite)/;
  const Statements = z.array(
    z.object({
      PolicyDocument: z.object({
        Statement: z.array(
          z.looseObject({ Action: z.array(z.string()), Condition: z.unknown().optional() }),
        ),
      }),
    }),
  );

  const documentsOf = (id: string) =>
    Statements.parse(resourcesOf()[id]?.Properties.Policies)
      .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
      .filter(({ Action }) => Action.some((action) => writes.test(action)))
      .map(({ Action, Condition }) => [Action, Condition]);
  const onlyDocuments = (...collections: string[]) => [
    [
      ['dynamodb:PutItem', 'dynamodb:DeleteItem'],
      {
        'ForAllValues:StringLike': {
          'dynamodb:LeadingKeys': collections.map((name) => `document#${name}#*`),
        },
      },
    ],
  ];

  it('of a service that suspends can write documents of plans and of lifecycle actions only', () => {
    expect(documentsOf('ServiceNovaRole')).toEqual(
      onlyDocuments('plan', 'drift', 'suspension', 'provision'),
    );
  });

  it('of a service that does not suspend can write documents of plans only', () => {
    expect(rightsOf('ServiceHeatRole')).toContain('dynamodb:BatchGetItem');
    expect(documentsOf('ServiceHeatRole')).toEqual(onlyDocuments('plan', 'drift'));
  });

  // The emulator does not compare keys with a condition, so no deployment there shows a missing one.
  it('of a service can write each collection of documents that its code writes', () => {
    const written = sourcesFrom(join(ROOT, 'lib/handlers/task.ts'))
      .filter((source) => source.includes('commit('))
      .flatMap((source) => [...source.matchAll(/collection: '(\w+)'/g)].map(([, name]) => name));
    const byTheCoordinator = ['hold', 'provisioned'];
    expect(new Set(written)).toEqual(
      new Set(['plan', 'drift', 'suspension', 'provision', ...byTheCoordinator]),
    );
  });

  it('that is not of a service can write operations', () => {
    for (const id of ['IngestRole', 'CoordinateRole', 'ApiRole', 'SweepRole'])
      expect(rightsOf(id)).toMatch(writes);
  });

  it('stops waiting for an answer of Keystone before its own timeout', () => {
    const { ingest, coordinate, api } = serverlessFunctions(stackOf('test', {}));
    for (const one of [ingest, coordinate, api]) {
      const { timeout, environment } = one as {
        timeout: number;
        environment: Record<string, string>;
      };
      expect(Number(environment.STACK_ANSWER_SECONDS)).toBeLessThan(timeout);
    }
  });
});

describe('queues', () => {
  it('accept a message of the largest size that the bus allows', () => {
    for (const [id, { Properties }] of ofType('AWS::SQS::Queue'))
      expect([id, Properties.MaximumMessageSize]).toEqual([id, 1024 * 1024]);
  });
});

describe('a table of an earlier stack', () => {
  const kept = serverlessResources(stackOf('test', { keptTable: 'yes' }));
  const owned = serverlessResources(stackOf('test', {}));

  it('is used by name, and the stack creates none', () => {
    const { Resources, Outputs } = kept;
    expect(Object.values(Resources).filter(({ Type }) => Type === 'AWS::DynamoDB::Table')).toEqual(
      [],
    );
    expect(Outputs.TableName.Value).toBe('propagator-test');
    const text = JSON.stringify(Resources);
    expect(text).not.toMatch(/\["Table",|"Ref":"Table"/);
    expect(text).toContain(':table/propagator-test"}');
  });

  it('can be imported into the stack: only the table is added, and later deployments own it', () => {
    const imported = templateWithTable(kept, stackOf('test', {}));
    expect(imported).toEqual(owned);
    expect(() => templateWithTable(imported, stackOf('test', {}))).toThrow(
      /owns its table already/,
    );
  });
});

describe('the first deployment', () => {
  it('deletes a new table and secret if it fails, and later deployments retain them', () => {
    const { Table, Secret } = resourcesOf({ protectTable: 'no' });
    for (const one of [Table, Secret])
      expect(one).toMatchObject({
        DeletionPolicy: 'RetainExceptOnCreate',
        UpdateReplacePolicy: 'Retain',
      });
    // CloudFormation cannot delete a table with deletion protection.
    expect(Table?.Properties).toMatchObject({ DeletionProtectionEnabled: false });
    expect(resourcesOf().Table?.Properties).toMatchObject({ DeletionProtectionEnabled: true });
  });
});

describe('recursive loop detection of Lambda', () => {
  it('is off for every function that a queue invokes, because operations loop by design', () => {
    const functions = Object.entries(serverlessFunctions(stackOf('test', {})));
    const allowed = functions.filter(([, one]) => Reflect.get(one, 'recursiveLoop') === 'Allow');
    expect(allowed.map(([name]) => name)).toEqual(
      functions.map(([name]) => name).filter((name) => name !== 'api' && name !== 'sweep'),
    );
  });
});

describe('limits of AWS', () => {
  const short = (count: number) =>
    Array.from({ length: count }, (_, index) => `b-${index + 10}=https://b.example`).join(',');
  const httpPlugins = (count: number) =>
    Array.from(
      { length: count },
      (_, index) => `billing-with-a-rather-long-${index + 10}=https://b.example`,
    ).join(',');

  it('leave space for plugins, also in the region with the longest name', () => {
    const resources = resourcesOf(
      { ...KEY, PROPAGATOR_REMOTE_SERVICES: httpPlugins(3) },
      'production-eu',
    );
    const written = ofType('AWS::IAM::Role', resources).map(
      ([, role]) => policiesOfRole(role, resources).length,
    );
    expect(Math.max(...written)).toBeLessThan(10_240);
    // Each queue is included with its name. An estimate without them would be too small.
    expect(Math.max(...written)).toBeGreaterThan(5000);
  });

  it.each([
    ['a stage with an underscore', 'eu_prod', {}, /--stage: eu_prod: use a-z/],
    [
      'too many settings',
      'test',
      { PROPAGATOR_PROTECTED_PROJECTS: 'p'.repeat(60).concat(',').repeat(70) },
      /PROPAGATOR_PROTECTED_PROJECTS/,
    ],
    ['too many services', 'test', { PROPAGATOR_REMOTE_SERVICES: httpPlugins(14) }, /The stack has/],
    [
      'too many permissions',
      'production-of-the-northern-region',
      { PROPAGATOR_REMOTE_SERVICES: short(30) },
      /The permissions of/,
    ],
    ['a wrong value of keptTable', 'test', { keptTable: 'maybe' }, /keptTable/],
    ['silentMinutes of more than a week', 'test', { silentMinutes: '20000' }, /silentMinutes/],
  ])('are checked before a deployment: %s', (_, stage, given, message) => {
    expect(() => resourcesOf(given, stage)).toThrow(message);
  });
});
