import { type OpenLifecycleInput, openLifecycle } from '../../../lib/operation/lifecycle.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import { OPENED_AT, operationAt, PROJECT_SCOPE } from './step-fixture.ts';

const byAnn = { by: 'ann', reason: 'test' };

const input = (fields: Partial<OpenLifecycleInput> = {}): OpenLifecycleInput => ({
  action: 'suspend',
  scope: PROJECT_SCOPE,
  cause: { messageId: 'm-2', eventType: 'identity.project.disabled', at: OPENED_AT },
  allOperations: [],
  mode: 'enforce',
  now: OPENED_AT + 5000,
  protectedBecause: undefined,
  ...fields,
});

const suspension = (fields: Partial<Operation> = {}): Operation =>
  operationAt({ action: 'suspend', lifecycle: {}, ...fields });

describe('a project that was disabled or enabled', () => {
  it('gets no operation for the same message', () => {
    const ended = suspension({ state: 'finished', startedAt: OPENED_AT, endedAt: OPENED_AT + 1 });
    const allOperations = [ended];
    expect(openLifecycle(input({ allOperations }))?.opened).toMatchObject({ generation: 2 });
    expect(openLifecycle(input({ allOperations, cause: ended.cause }))).toBeUndefined();
  });

  it('gets no operation during a cleanup', () => {
    const cleanup = operationAt({ state: 'running', startedAt: OPENED_AT });
    expect(openLifecycle(input({ allOperations: [cleanup] }))).toBeUndefined();
  });

  it('gets a second suspension only by a request, and only if the first has no request', () => {
    const byPolicy = [suspension()];
    expect(openLifecycle(input({ allOperations: byPolicy }))).toBeUndefined();
    const requested = openLifecycle(input({ allOperations: byPolicy, request: byAnn }));
    expect(requested?.opened).toMatchObject({ generation: 2, lifecycle: { request: byAnn } });
    expect(requested?.changed).toMatchObject([{ generation: 1, state: 'superseded' }]);
    const allOperations = [suspension({ lifecycle: { request: byAnn } })];
    expect(openLifecycle(input({ allOperations, request: byAnn }))).toBeUndefined();
  });

  it('gets no resume without a suspension', () => {
    expect(openLifecycle(input({ action: 'resume' }))).toBeUndefined();
  });

  it('lets Keystone confirm a suspension that has not begun again, in place of a resume', () => {
    const waiting = suspension({ confirmedAt: [OPENED_AT] });
    const opened = openLifecycle(input({ action: 'resume', allOperations: [waiting] }));
    expect(opened?.opened).toBeUndefined();
    expect(opened?.changed).toMatchObject([
      { state: 'confirming', confirmedAt: [], confirmation: 2 },
    ]);
    expect(opened?.messages).toMatchObject([
      { type: 'operation.confirm', data: { confirmation: 2 } },
    ]);
  });

  it('gets a resume that waits for the last call of the suspension', () => {
    const running = suspension({ state: 'running', startedAt: OPENED_AT });
    const opened = openLifecycle(input({ action: 'resume', allOperations: [running] }));
    expect(opened?.opened).toMatchObject({
      action: 'resume',
      lifecycle: { hasSuperseded: true, settleAt: OPENED_AT + 5000 + 120_000 },
    });
    expect(opened?.changed).toMatchObject([{ state: 'superseded' }]);
    expect(opened?.messages.map(({ type }) => type)).toEqual([
      'operation.confirm',
      'operation.finished',
    ]);
  });

  it('gets a refused operation if it is protected, and the suspension continues', () => {
    const running = suspension({ state: 'running', startedAt: OPENED_AT });
    const fields = { allOperations: [running], protectedBecause: 'by a setting' };
    expect(openLifecycle(input({ action: 'resume', ...fields }))).toMatchObject({
      opened: { state: 'refused', hold: { reason: 'protected: by a setting' } },
      changed: [],
      messages: [],
    });
  });
});
