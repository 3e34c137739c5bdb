import { describe, expect, it } from '@jest/globals';
import { ofType, resourcesOf } from './template-fixture.ts';

describe('alarms', () => {
  it.each(['5', '30', '1440', '2880', '10080'])(
    'evaluate at most the period that CloudWatch allows, with silentMinutes=%s',
    (silentMinutes) => {
      const alarms = ofType('AWS::CloudWatch::Alarm', resourcesOf({ silentMinutes }));
      for (const [id, { Properties }] of alarms) {
        const [period, all] = [
          Number(Properties.Period),
          Number(Properties.Period) * Number(Properties.EvaluationPeriods),
        ];
        expect([id, all <= (period < 3600 ? 86_400 : 604_800)]).toEqual([id, true]);
      }
      const silent = Object.fromEntries(alarms).SilentSourceAlarm?.Properties ?? {};
      expect(Number(silent.Period) * Number(silent.EvaluationPeriods)).toBe(
        Number(silentMinutes) * 60,
      );
    },
  );

  it('wait longer than the longest delay for a queue with delayed messages', () => {
    const oldest = ofType('AWS::CloudWatch::Alarm').filter(([id]) => id.endsWith('OldestAlarm'));
    expect(oldest.length).toBeGreaterThan(20);
    for (const [id, { Properties }] of oldest)
      expect([id, Number(Properties.Threshold) > 900]).toEqual([id, true]);
  });

  it('start after half of the retention of dead letters, also if the messages were read', () => {
    const expiring = ofType('AWS::CloudWatch::Alarm').filter(([id]) => /Expires?Alarm$/.test(id));
    expect(expiring.length).toBeGreaterThan(20);
    for (const [, { Properties }] of expiring) {
      // The metric of the oldest age excludes messages that were received three times.
      expect(Properties).toMatchObject({
        MetricName: 'ApproximateNumberOfMessagesVisible',
        Statistic: 'Maximum',
        Threshold: 0,
      });
      expect(Number(Properties.Period) * Number(Properties.EvaluationPeriods)).toBe(7 * 86_400);
    }
  });

  it('cover events that are lost by the two rules that every operation uses', () => {
    const resources = resourcesOf();
    const rules = ['IngestRule', 'CoordinateRule'].map((id) => resources[id]?.Properties.Name);
    const watched = ofType('AWS::CloudWatch::Alarm', resources)
      .filter(([, { Properties }]) => Properties.MetricName === 'InvocationsFailedToBeSentToDlq')
      .map(([, { Properties }]) => Properties.Dimensions);
    expect(watched).toEqual(
      rules.map((rule) => [
        { Name: 'EventBusName', Value: 'propagator-test' },
        { Name: 'RuleName', Value: rule },
      ]),
    );
  });
});

describe('the severity of an alarm', () => {
  const alarmsOf = (severity: string) =>
    ofType('AWS::CloudWatch::Alarm')
      .filter(([, { Properties }]) =>
        JSON.stringify(Properties.AlarmActions).includes(`"${severity}Topic"`),
      )
      .map(([id]) => id.replace(/Alarm$/, ''));

  it('determines its topic, and both topics also receive the end of an alarm', () => {
    const [pages, tickets] = [alarmsOf('Page'), alarmsOf('Ticket')];
    expect(pages.length + tickets.length).toBe(ofType('AWS::CloudWatch::Alarm').length);
    expect(pages).toEqual(
      expect.arrayContaining(['CapHold', 'SilentSource', 'CoordinateErrors', 'Api5xx']),
    );
    expect(tickets).toEqual(
      expect.arrayContaining([
        'ServiceNovaErrors',
        'SuspiciousDeletions',
        'EnabledDuringHold',
        'ApiErrors',
      ]),
    );
    for (const [, { Properties }] of ofType('AWS::CloudWatch::Alarm'))
      expect(Properties.OKActions).toEqual(Properties.AlarmActions);
  });

  it('sends urgent alarms to pageEmail, or by default to alarmEmail', () => {
    const emails = (given: Record<string, string>) =>
      ['PageTopic', 'TicketTopic'].map(
        (id) => Object(resourcesOf(given)[id]?.Properties.Subscription)[0]?.Endpoint,
      );
    expect(emails({})).toEqual([undefined, undefined]);
    expect(emails({ alarmEmail: 'a@x.org' })).toEqual(['a@x.org', 'a@x.org']);
    expect(emails({ alarmEmail: 'a@x.org', pageEmail: 'p@x.org' })).toEqual(['p@x.org', 'a@x.org']);
  });
});

describe('the text of an alarm', () => {
  const texts = (given: Record<string, string> = {}) =>
    ofType('AWS::CloudWatch::Alarm', resourcesOf(given)).map(([, { Properties }]) =>
      String(Object(Properties.AlarmDescription)['Fn::Sub']),
    );

  it('ends with a whole URL by default: the dashboard with the runbooks of this release', () => {
    const shown = JSON.stringify(resourcesOf().RunbooksDashboard?.Properties);
    for (const text of texts()) {
      const [, dashboard, runbook] =
        / Runbook: https:\/\/\$\{AWS::Region\}\.console\.aws\.amazon\.com\/\S+\/dashboard\/(\S+) \((\S+)\)$/.exec(
          text,
        ) ?? [];
      expect([text, dashboard]).toEqual([text, 'propagator-test-runbooks']);
      expect(shown).toContain(`(${runbook})`);
      expect(text.length).toBeLessThan(1024);
    }
  });

  it('ends with the URL of the operator', () => {
    for (const text of texts({ runbooks: 'https://wiki.example/runbooks/' }))
      expect(text).toMatch(/ Runbook: https:\/\/wiki\.example\/runbooks\/[a-z-]+\.md$/);
  });
});
