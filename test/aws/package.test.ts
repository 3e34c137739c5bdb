import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

import {
  get,
  inOrder,
  list,
  named,
  ofType,
  type Properties,
  packaged,
  partsOf,
  ROOT,
  sqsFunctions,
  stack,
  statementsOf,
  withPackage,
} from './package-fixture.ts';

withPackage();

describe('the package of the stack', () => {
  it('has no circular or missing dependencies, and creates destinations before their senders', () => {
    const order = inOrder(stack.resources);
    expect(order).toHaveLength(Object.keys(stack.resources).length);
    for (const { Name } of ofType('AWS::Events::Rule').map(([, properties]) => properties)) {
      const rule =
        Object.keys(stack.resources).find(
          (id) => stack.resources[id]?.Type === 'AWS::Events::Rule' && get(id).Name === Name,
        ) ?? '';
      if (Name !== undefined)
        expect(order.indexOf(rule)).toBeLessThan(order.indexOf('CoordinateLambdaFunction'));
    }
  });

  it('is equal if it is built twice from the same input', () => {
    expect(packaged().zips).toEqual(stack.zips);
  });

  it('is within the limits of CloudFormation, with room for more services', () => {
    expect(Object.keys(stack.resources).length).toBeLessThanOrEqual(450);
    expect(Buffer.byteLength(stack.text)).toBeLessThan(1_000_000);
  });

  it('has only the code of one service in each zip', () => {
    const { sources } = stack;
    const own = sources.filter((source) => source.includes('lib/services/'));
    expect(own.map((source) => source.replace(/.*lib\/services\//, ''))).toEqual([
      'glance/images.ts',
      'glance/suspend.ts',
      'kit/errors.ts',
      'kit/time.ts',
      'glance.ts',
    ]);
    expect(sources.filter((source) => /node_modules\/(undici|pg-boss)\//.test(source))).toEqual([]);
  });
});

describe.each(sqsFunctions)('%s', (queue) => {
  it('has a function on arm64 and Node 24, with a queue whose visibility timeout is six times its time-out, and partial batches', () => {
    const { source, lambda, mapping } = partsOf(queue);
    expect(lambda.properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      RecursiveLoop: 'Allow',
      LoggingConfig: { LogFormat: 'JSON' },
    });
    const window = Number(mapping.MaximumBatchingWindowInSeconds ?? 0);
    expect(Number(source.properties.VisibilityTimeout)).toBeGreaterThanOrEqual(
      6 * Number(lambda.properties.Timeout) + window,
    );
    expect(named(mapping.FunctionName)).toBe(lambda.id);
    expect(mapping.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
    expect(Object(mapping.ScalingConfig).MaximumConcurrency).toBeGreaterThanOrEqual(2);
    if (Number(mapping.BatchSize) > 10) expect(window).toBeGreaterThanOrEqual(1);
  });

  it('has its own dead-letter queue after five or more deliveries, which keeps messages for fourteen days, longer than the source', () => {
    const { source, dead } = partsOf(queue);
    const { deadLetterTargetArn, maxReceiveCount } = Object(source.properties.RedrivePolicy);
    expect(named(deadLetterTargetArn)).toBe(dead.id);
    expect(maxReceiveCount).toBeGreaterThanOrEqual(5);
    expect(dead.properties.MessageRetentionPeriod).toBe(14 * 86_400);
    expect(Number(source.properties.MessageRetentionPeriod)).toBeLessThan(14 * 86_400);
  });

  it('is triggered only by a rule with a dead-letter queue and retries', () => {
    const { source } = partsOf(queue);
    const rules = ofType('AWS::Events::Rule').filter(([, { Targets }]) =>
      JSON.stringify(Targets).includes(`"${source.id}"`),
    );
    expect(rules).toHaveLength(1);
    const [[id, rule] = ['', {}]] = rules;
    const [target] = list(rule.Targets) as Properties[];
    expect(named(Object(target?.DeadLetterConfig).Arn)).toBe('Undelivered');
    expect(Object(target?.RetryPolicy)).toEqual({
      MaximumRetryAttempts: 185,
      MaximumEventAgeInSeconds: 86_400,
    });
    const policies = ofType('AWS::SQS::QueuePolicy').filter(([, { Queues }]) =>
      list(Queues).map(named).includes(source.id),
    );
    const statements = policies.flatMap(
      ([, { PolicyDocument }]) => Object(PolicyDocument).Statement as Properties[],
    );
    expect(statements).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: ['sqs:SendMessage'],
        Resource: { 'Fn::GetAtt': [source.id, 'Arn'] },
        Condition: { ArnEquals: { 'aws:SourceArn': [{ 'Fn::GetAtt': [id, 'Arn'] }] } },
      },
      {
        Effect: 'Deny',
        Principal: '*',
        Action: ['sqs:*'],
        Resource: { 'Fn::GetAtt': [source.id, 'Arn'] },
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ]);
  });

  it('receives from its own queue only, and has no rights on other queues', () => {
    const { source, role } = partsOf(queue);
    const takes = statementsOf(role).filter(({ Action }) => Action.includes('sqs:ReceiveMessage'));
    expect(takes.flatMap(({ Resource }) => list(Resource).map(named))).toEqual([source.id]);
    if (!queue.startsWith('service-')) return;
    const touched = statementsOf(role).flatMap(({ Resource }) =>
      list(Resource).map((one) => Object(one)['Fn::Sub']?.split(':').at(-1) ?? named(one)),
    );
    const { dead, lambda } = partsOf(queue);
    const logs = lambda.id.replace('LambdaFunction', 'LogGroup');
    expect(new Set(touched)).toEqual(
      new Set([logs, 'table/propagator-test', 'Bus', 'Secret', source.id, dead.id]),
    );
  });

  it('has alarms for dead letters, expiring dead letters, the oldest message, errors and throttles', () => {
    const { source, dead, lambda } = partsOf(queue);
    const about = (dimension: string, name: unknown) =>
      ofType('AWS::CloudWatch::Alarm')
        .filter(
          ([, { Dimensions }]) =>
            JSON.stringify(Dimensions) === JSON.stringify([{ Name: dimension, Value: name }]),
        )
        .map(([, { MetricName, Threshold, Statistic, ComparisonOperator, TreatMissingData }]) => ({
          MetricName,
          Threshold,
          Statistic,
          ComparisonOperator,
          TreatMissingData,
        }));
    const above = {
      Statistic: 'Maximum',
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    };
    expect(about('QueueName', dead.properties.QueueName)).toEqual([
      { MetricName: 'ApproximateNumberOfMessagesVisible', Threshold: 0, ...above },
      { MetricName: 'ApproximateNumberOfMessagesVisible', Threshold: 0, ...above },
    ]);
    expect(about('QueueName', source.properties.QueueName)).toEqual([
      { MetricName: 'ApproximateAgeOfOldestMessage', Threshold: expect.any(Number), ...above },
    ]);
    expect(
      about('FunctionName', lambda.properties.FunctionName).map(({ MetricName }) => MetricName),
    ).toEqual(['Errors', 'Throttles']);
  });

  it('has a row on the dashboard', () => {
    const { DashboardBody } = get('Dashboard');
    const text = String(Object(DashboardBody)['Fn::Sub']);
    const { widgets } = z
      .object({
        widgets: z.array(z.object({ y: z.number(), properties: z.object({ title: z.string() }) })),
      })
      .parse(JSON.parse(text));
    const row = widgets.filter(({ properties }) =>
      properties.title.startsWith(`${queue.replace(/^service-/, '')}:`),
    );
    expect(row).toHaveLength(4);
    expect(new Set(row.map(({ y }) => y)).size).toBe(1);
  });
});

describe('the stack', () => {
  it('has its own function for every service with resources, and for no other service', () => {
    const names = ofType('AWS::Lambda::Function').map(([, { FunctionName }]) =>
      String(FunctionName).replace('propagator-test-', ''),
    );
    expect(names.toSorted()).toEqual([...sqsFunctions, 'api', 'sweep'].toSorted());
  });

  it('has no role with all actions on all resources', () => {
    for (const [id, role] of ofType('AWS::IAM::Role')) {
      expect([id, role.ManagedPolicyArns]).toEqual([id, undefined]);
      for (const { Action, Resource } of statementsOf(role)) {
        expect([id, Action.filter((action) => action.includes('*'))]).toEqual([id, []]);
        for (const one of list(Resource)) {
          const wild = JSON.stringify(one).includes('*');
          // Schedules are the exception: the names are not known in advance, and all are in one
          // group.
          if (wild)
            expect([id, Action, JSON.stringify(one)]).toEqual([
              id,
              ['scheduler:CreateSchedule'],
              expect.stringMatching(/schedule\/propagator-test\/\*"\}$/),
            ]);
        }
      }
    }
  });

  it('passes the role of the scheduler to the scheduler only, and passes no other role', () => {
    for (const [id, role] of ofType('AWS::IAM::Role')) {
      for (const { Action, Resource, Condition } of statementsOf(role).filter(({ Action }) =>
        Action.includes('iam:PassRole'),
      )) {
        expect([id, Action, named(Resource)]).toEqual([id, ['iam:PassRole'], 'SchedulerRole']);
        expect(Condition).toEqual({
          StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' },
        });
      }
      const [trusted] = Object(role.AssumeRolePolicyDocument).Statement;
      expect(trusted.Principal).toEqual({
        Service: id === 'SchedulerRole' ? 'scheduler.amazonaws.com' : 'lambda.amazonaws.com',
      });
    }
  });

  it('names an existing runbook in every alarm, and notifies the topic of its severity', () => {
    const alarms = ofType('AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThan(5 * sqsFunctions.length);
    for (const [id, { AlarmDescription, AlarmActions }] of alarms) {
      const text = String(Object(AlarmDescription)['Fn::Sub']);
      const [, severity, page] = /^\[(page|ticket)\] .*\(([a-z-]+)\)$/.exec(text) ?? [];
      expect([id, existsSync(join(ROOT, `docs/runbooks/${page}.md`))]).toEqual([id, true]);
      const topic = severity === 'page' ? 'PageTopic' : 'TicketTopic';
      expect([id, list(AlarmActions).map(named)]).toEqual([id, [topic]]);
    }
  });

  it('has alarms for a silent source, a reached cap, quarantined notifications, failed deliveries and a missing sweep', () => {
    const alarm = (name: string) =>
      ofType('AWS::CloudWatch::Alarm').find(
        ([, { AlarmName }]) => AlarmName === `propagator-test-${name}`,
      )?.[1];
    expect(alarm('silent-source')).toMatchObject({
      MetricName: 'NotificationsReceived',
      Period: 300,
      EvaluationPeriods: 6,
      TreatMissingData: 'breaching',
      ComparisonOperator: 'LessThanOrEqualToThreshold',
    });
    expect(alarm('cap-hold')).toMatchObject({
      Namespace: 'KeystonePropagator',
      MetricName: 'Capped',
      Threshold: 0,
    });
    expect(alarm('quarantine')).toMatchObject({ MetricName: 'Quarantined', Threshold: 0 });
    expect(alarm('undelivered')).toMatchObject({
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Threshold: 0,
    });
    expect(alarm('ingest-deliveries')).toMatchObject({
      Namespace: 'AWS/Events',
      MetricName: 'InvocationsFailedToBeSentToDlq',
    });
    expect(alarm('sweep-missing')).toMatchObject({
      MetricName: 'Invocations',
      TreatMissingData: 'breaching',
    });
  });

  it('encrypts queues and table, and retains the state', () => {
    for (const [id, { SqsManagedSseEnabled }] of ofType('AWS::SQS::Queue'))
      expect([id, SqsManagedSseEnabled]).toEqual([id, true]);
    const table = stack.resources.Table;
    expect(table).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: {
        SSESpecification: { SSEEnabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
      },
    });
    expect(stack.resources.Secret).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate' });
  });

  it('keeps logs for a limited time, archives the bus, and tags its resources with stage and application', () => {
    for (const [, { RetentionInDays }] of ofType('AWS::Logs::LogGroup'))
      expect(RetentionInDays).toBe(90);
    expect(get('Archive')).toMatchObject({
      RetentionDays: 30,
      SourceArn: { 'Fn::GetAtt': ['Bus', 'Arn'] },
    });
    for (const [, { Tags }] of ofType('AWS::Lambda::Function'))
      expect(Tags).toEqual(
        expect.arrayContaining([
          { Key: 'application', Value: 'keystone-propagator' },
          { Key: 'stage', Value: 'test' },
        ]),
      );
  });

  it('accepts only signed HTTP requests', () => {
    const routes = ofType('AWS::ApiGatewayV2::Route').map(([, { RouteKey, AuthorizationType }]) => [
      RouteKey,
      AuthorizationType,
    ]);
    expect(routes).toEqual([
      ['POST /v1/notifications', 'AWS_IAM'],
      ['ANY /{proxy+}', 'AWS_IAM'],
    ]);
  });

  it('logs each request to the API with its caller, and limits their rate', () => {
    const [[, stage] = ['', {}]] = ofType('AWS::ApiGatewayV2::Stage');
    expect(stage).toMatchObject({
      DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 },
    });
    expect(JSON.parse(Object(stage.AccessLogSettings).Format)).toMatchObject({
      requestId: '$context.requestId',
      principal: '$context.identity.userArn',
      status: '$context.status',
    });
    expect(get('HttpApiLogGroup')).toMatchObject({ RetentionInDays: 90 });
  });

  it('outputs the values for the next steps', () => {
    expect(Object.keys(stack.outputs)).toEqual(
      expect.arrayContaining([
        'IngestQueueUrl',
        'HttpApiUrl',
        'PageTopicArn',
        'TicketTopicArn',
        'SecretArn',
      ]),
    );
  });
});
