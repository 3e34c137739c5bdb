import { ServiceName } from '../../../events/ids.ts';
import type { KeystoneAnswer } from '../../../lib/operation/keystone-answer.ts';
import type { Operation, Recovery } from '../../../lib/operation/model.ts';
import { step } from '../../../lib/operation/step.ts';
import { INTERVAL_MILLIS, OPENED_AT, operationAt, stepInput } from './step-fixture.ts';

type Cloud = Extract<KeystoneAnswer, { kind: 'absent' }>['cloudSnapshot'];

const cloud: Cloud = {
  services: [{ name: ServiceName.parse('nova'), dependsOn: [], regions: ['one'] }],
  uncovered: [],
  leftOut: [],
};

/** Applies a 404 of Keystone at `now`. `services`: `undefined` if they could not be read. */
function afterAbsence(operation: Operation, now: number, services: Cloud) {
  const keystoneAnswer: KeystoneAnswer = { kind: 'absent', cloudSnapshot: services };
  const questionNumber = operation.confirmation;
  const event = { kind: 'confirmation', questionNumber, keystoneAnswer } as const;
  const result = step(operation, [], event, stepInput(now));
  return { operation: result?.operations[0], tasks: result?.tasks, messages: result?.messages };
}

describe('a 404 of Keystone', () => {
  it('plans the tasks at the first answer, and asks again after the interval', () => {
    const first = afterAbsence(operationAt(), OPENED_AT + 1000, cloud);
    expect(first.operation).toMatchObject({ state: 'confirming', confirmedAt: [OPENED_AT + 1000] });
    expect(first.tasks).toMatchObject([{ service: 'nova', state: 'planning' }]);
    expect(first.messages?.at(-1)).toMatchObject({
      type: 'operation.confirm',
      delaySeconds: INTERVAL_MILLIS / 1000,
    });
  });

  it('waits for the interval since the first answer, not since the newest one', () => {
    const operation = operationAt({ confirmedAt: [OPENED_AT] });
    const { messages } = afterAbsence(operation, OPENED_AT + 4000, undefined);
    expect(messages?.at(-1)).toMatchObject({ delaySeconds: INTERVAL_MILLIS / 1000 - 4 });
  });

  it('waits for the end of the grace period', () => {
    const operation = operationAt({ notBefore: OPENED_AT + 50_000 });
    const { messages } = afterAbsence(operation, OPENED_AT, undefined);
    expect(messages?.at(-1)).toMatchObject({ delaySeconds: 50 });
  });

  it('does not end a confirmed operation whose tasks are not planned', () => {
    const operation = operationAt({ confirmedAt: [OPENED_AT - INTERVAL_MILLIS] });
    const unplanned = afterAbsence(operation, OPENED_AT + 1000, undefined);
    expect(unplanned.operation).toMatchObject({ state: 'confirming', endedAt: undefined });
    expect(unplanned.messages).toMatchObject([{ type: 'operation.confirm' }]);
    const planned = afterAbsence(operation, OPENED_AT + 1000, cloud);
    expect(planned.tasks).toHaveLength(1);
  });

  it('plans no tasks before the end of a recovery window, unless it is repeated', () => {
    const recovery: Recovery = {
      wasEnabled: true,
      lengthMillis: 86_400_000,
      remainingMillis: 86_400_000,
      seenAt: OPENED_AT,
      checkAfterMillis: 60_000,
      number: 1,
      reminders: [],
    };
    const request = { by: 'ann', reason: 'test', at: OPENED_AT, enabled: false };
    const once = afterAbsence(operationAt({ recovery, request }), OPENED_AT + 1000, cloud);
    expect(once.tasks).toEqual([]);
    expect(once.operation?.state).toBe('confirming');
    const confirmedAt = [OPENED_AT - INTERVAL_MILLIS];
    const twice = operationAt({ recovery, request, confirmedAt });
    expect(afterAbsence(twice, OPENED_AT + 1000, cloud).tasks).toHaveLength(1);
  });
});
