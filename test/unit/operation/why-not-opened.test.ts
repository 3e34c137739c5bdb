import { describe, expect, it } from '@jest/globals';
import { openLifecycle, whyNotOpened } from '../../../lib/operation/lifecycle.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import { operation } from '../../engine/samples.ts';

const request = { by: 'ann', reason: 'unpaid invoice' };
const inputOf = (action: 'suspend' | 'resume', allOperations: readonly Operation[]) => ({
  action,
  allOperations,
  cause: { messageId: 'request-1', eventType: 'request', at: 2 },
  mode: 'enforce' as const,
  now: 3,
  request,
  scope: operation().scope,
});

describe('the request of an administrator that opens no operation', () => {
  it.each([
    [
      'a deletion that has begun',
      'suspend' as const,
      [operation({ state: 'recoverable', request: {} as never })],
      /^the deletion op-\w+ of the project is under way$/,
    ],
    [
      'a requested resume that has not ended',
      'resume' as const,
      [operation({ action: 'resume', state: 'running', lifecycle: { request } as never })],
      /^the resume op-\w+ was requested before and has not ended$/,
    ],
    [
      'a project that no operation suspended',
      'resume' as const,
      [],
      /^no resource is suspended, so there is nothing to resume$/,
    ],
  ])('names %s as the reason', (_, action, allOperations, reason) => {
    const input = inputOf(action, allOperations);
    expect(openLifecycle(input as never)).toBeUndefined();
    expect(whyNotOpened(input)).toMatch(reason);
  });
});
