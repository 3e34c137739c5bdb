import type { Recovery } from '../../../lib/operation/model.ts';
import { step } from '../../../lib/operation/step.ts';
import { OPENED_AT, operationAt, stepInput } from './step-fixture.ts';

const HOUR = 3_600_000;

/** The check of a recovery window of a day, when this much of it is left. */
function checkWith(remainingMillis: number, fields: Partial<Recovery> = {}) {
  const recovery: Recovery = {
    wasEnabled: true,
    lengthMillis: 24 * HOUR,
    remainingMillis,
    seenAt: OPENED_AT,
    checkAfterMillis: 0,
    number: 1,
    reminders: [{ beforeMillis: 12 * HOUR }, { beforeMillis: HOUR }],
    ...fields,
  };
  const request = { by: 'ann', reason: 'test', at: OPENED_AT, enabled: true };
  const operation = operationAt({ state: 'recoverable', recovery, request });
  const event = { kind: 'window-check', number: 1, suspendsAndResumes: [] } as const;
  return step(operation, [], event, stepInput(OPENED_AT));
}

const reminders = (result: ReturnType<typeof checkWith>) =>
  result?.messages.filter(({ type }) => type === 'operation.due');

describe('the check of a recovery window', () => {
  it('publishes each due reminder once, with the end of the window', () => {
    const result = checkWith(2 * HOUR);
    expect(reminders(result)).toEqual([
      {
        type: 'operation.due',
        data: {
          operationId: 'op-000000000001',
          project: 'p1',
          endsAt: OPENED_AT + 2 * HOUR,
          beforeSeconds: 12 * 3600,
        },
      },
    ]);
    expect(result?.operations[0]?.recovery?.reminders).toEqual([
      { beforeMillis: 12 * HOUR, sentAt: OPENED_AT },
      { beforeMillis: HOUR },
    ]);
    const sent = { reminders: [{ beforeMillis: 12 * HOUR, sentAt: 1 }] };
    expect(reminders(checkWith(2 * HOUR, sent))).toEqual([]);
  });

  it('publishes no reminder at the end of the window', () => {
    const result = checkWith(0);
    expect(result?.operations[0]?.state).toBe('confirming');
    expect(result?.messages.map(({ type }) => type)).toEqual(['operation.confirm']);
  });
});
