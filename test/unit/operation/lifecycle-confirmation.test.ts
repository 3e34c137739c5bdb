import type {
  LifecycleAnswer,
  LifecycleDecision,
} from '../../../lib/operation/lifecycle-confirmation.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import { step } from '../../../lib/operation/step.ts';
import { INTERVAL_MILLIS, OPENED_AT as NOW, operationAt, stepInput } from './step-fixture.ts';

/** A suspension of a project, opened at `NOW`, that waits for Keystone's first answer. */
const suspension = (fields: Partial<Operation> = {}): Operation =>
  operationAt({ action: 'suspend', lifecycle: {}, ...fields });

const decision = (fields: Partial<LifecycleDecision> = {}): LifecycleDecision => ({
  hasAction: true,
  mode: 'enforce',
  delayMillis: 0,
  rule: 1,
  ...fields,
});

const agreeing = (fields: Partial<LifecycleDecision> = {}): LifecycleAnswer => ({
  kind: 'present',
  isWanted: true,
  because: 'disabled',
  decision: decision(fields),
  cloudSnapshot: { services: [], uncovered: [], leftOut: [] },
});

/** Applies Keystone's answer to the newest question of the operation, one second after `NOW`. */
const answered = (operation: Operation, answer: LifecycleAnswer) =>
  step(
    operation,
    [],
    { kind: 'lifecycle-confirmation', questionNumber: operation.confirmation, answer },
    stepInput(NOW + 1000),
  );

describe('an answer of Keystone to a suspension or a provision', () => {
  it('refuses the operation only before its first change', () => {
    const refusal: LifecycleAnswer = { kind: 'refused', because: 'protected: by a setting' };
    expect(answered(suspension(), refusal)?.operations[0]).toMatchObject({
      state: 'refused',
      hold: { reason: 'protected: by a setting' },
    });
    expect(answered(suspension({ state: 'running' }), refusal)).toBeUndefined();
  });

  it('has no effect if it belongs to an earlier question', () => {
    const operation = suspension();
    const event = {
      kind: 'lifecycle-confirmation',
      questionNumber: 0,
      answer: agreeing(),
    } as const;
    expect(step(operation, [], event, stepInput(NOW + 1000))).toBeUndefined();
  });

  it('names the rule of the policy that has no action', () => {
    const reasonOf = (rule: number | undefined): string | undefined =>
      answered(suspension(), agreeing({ hasAction: false, rule }))?.operations[0]?.hold?.reason;
    expect(reasonOf(2)).toBe('rule 2 of the policy has no action for it');
    expect(reasonOf(undefined)).toBe('the policy has no action for it');
  });

  it('keeps the reason of a held operation, and ends the wait of a running one', () => {
    const hold = { reason: 'too many resources', since: NOW, advice: '', about: 'cap' } as const;
    const held = answered(suspension({ state: 'held', hold }), agreeing());
    expect(held?.operations[0]).toMatchObject({ state: 'held', hold, confirmation: 2 });
    const running = answered(suspension({ state: 'running', hold }), agreeing());
    expect(running?.operations[0]).toMatchObject({
      state: 'running',
      hold: undefined,
      confirmation: 2,
    });
  });

  it('applies the decision of the policy only at the first answer', () => {
    const first = answered(suspension(), agreeing({ mode: 'observe', delayMillis: 60_000 }));
    expect(first?.operations[0]).toMatchObject({
      mode: 'observe',
      notBefore: NOW + 60_000,
      confirmedAt: [NOW + 1000],
      lifecycle: { rule: 1 },
    });
    const second = answered(suspension({ confirmedAt: [NOW] }), agreeing({ mode: 'observe' }));
    expect(second?.operations[0]).toMatchObject({
      mode: 'enforce',
      confirmedAt: [NOW, NOW + 1000],
    });
  });

  it.each([
    ['suspend', INTERVAL_MILLIS / 1000],
    ['provision', 2],
  ] as const)('asks again when a %s may continue', (action, delaySeconds) => {
    const result = answered(suspension({ action }), agreeing({ delayMillis: 3000 }));
    expect(result?.messages).toMatchObject([
      { type: 'operation.confirm', data: { confirmation: 2 }, delaySeconds },
    ]);
  });

  it('begins after the second answer', () => {
    const operation = suspension({ confirmedAt: [NOW - INTERVAL_MILLIS] });
    // The cloud has no service that takes part, so the operation also ends.
    expect(answered(operation, agreeing())?.operations[0]).toMatchObject({
      state: 'finished',
      startedAt: NOW + 1000,
    });
  });
});
