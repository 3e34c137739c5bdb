import { UserId } from '../../../events/ids.ts';
import { type ApprovalAnswer, decideApproval } from '../../../lib/operation/approval.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import type { Plan } from '../../../lib/operation/plan.ts';
import { operation } from '../../engine/samples.ts';

const ID = '0123456789abcdef0123456789abcdef';
const OTHER_ID = 'fedcba9876543210fedcba9876543210';
const PLAN = operation({ action: 'plan', state: 'observed', endedAt: 1 });
const DIGEST = 'd'.repeat(64);

/** The answer to an approval of a plan that needs two, of which some were given already. */
const approve = (
  by: string,
  {
    given = [],
    requestedBy = 'ann',
    of = PLAN,
  }: { given?: readonly string[]; requestedBy?: string; of?: Operation } = {},
): ApprovalAnswer => {
  const plan: Plan = {
    id: PLAN.id,
    scope: PLAN.scope,
    state: PLAN.state,
    requestedBy,
    openedAt: 1,
    endedAt: 1,
    digest: DIGEST,
    resources: 10,
    services: [],
    unreachable: [],
    leftToOthers: [],
    uncovered: [],
    leftOut: [],
    keystoneCheck: { refusals: [], unknown: [] },
  };
  return decideApproval({
    operation: of,
    plan,
    stored: { approvals: given.map((one) => ({ by: one, at: 1 })), opened: undefined },
    by,
    digest: DIGEST,
    tags: [],
    rules: {
      twoApprovers: { domain: false, resources: 5, tags: [] },
      drift: { resources: 10, percent: 5 },
    },
    now: 2,
  });
};

describe('a plan that needs two approvals', () => {
  it('is approved by two users of Keystone', () => {
    expect(approve(`bob (${ID})`)).toMatchObject({ kind: 'recorded' });
    expect(approve(`carol (${OTHER_ID})`, { given: [`bob (${ID})`] })).toMatchObject({
      kind: 'approved',
    });
  });

  it('is not approved twice by one user that was renamed', () => {
    expect(approve(`robert (${ID})`, { given: [`bob (${ID})`] })).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('you approved the plan'),
    });
  });

  it('is not approved by its requester that was renamed', () => {
    expect(approve(`anna (${ID})`, { requestedBy: `ann (${ID})` })).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('you requested it'),
    });
  });

  it('is approved by two users, even if the name of one contains the id of the other', () => {
    expect(approve(`bob (${ID}) (${OTHER_ID})`, { given: [`bob (${ID})`] })).toMatchObject({
      kind: 'approved',
    });
  });
});

describe('the approval of an operation that is no plan', () => {
  const advice = (scope: Operation['scope']) => {
    const answer = approve('bob', { of: operation({ action: 'cleanup', scope }) });
    return answer.kind === 'refused' ? answer.advice : undefined;
  };

  it('names the command that plans, and for a user says that no such command exists', () => {
    expect(advice(PLAN.scope)).toBe(`Plan first: propagator project plan ${PLAN.scope.id}`);
    const user = { type: 'user', id: UserId.parse('u1'), projects: [] } as const;
    expect(advice(user)).toBe('Only a plan for a project or a domain can be approved.');
  });
});
