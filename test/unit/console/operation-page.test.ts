import { type El, h, textOf } from '../../../console/element.ts';
import { filtersOf } from '../../../console/operations.ts';
import { type Details, operationPage } from '../../../console/page-operation.ts';
import { operationsPage } from '../../../console/page-operations.ts';
import { operationShape, planShape } from '../../../console/shapes.ts';
import { DomainId } from '../../../events/ids.ts';
import { ID, OPENED_AT, operationView } from './samples.ts';

const NOW = OPENED_AT + 90_000;
const DIGEST = 'a'.repeat(64);
const request = { by: 'ann', reason: 'r', at: OPENED_AT, enabled: true };
const recovery = {
  lengthMillis: 2_592_000_000,
  remainingMillis: 2_592_000_000,
  seenAt: OPENED_AT,
  reminders: [],
  wasEnabled: true,
  checkAfterMillis: 0,
  number: 0,
};
const plan = planShape({
  id: ID,
  scope: { type: 'project', id: 'p1' },
  openedAt: OPENED_AT,
  digest: DIGEST,
  resources: 258,
  allowedDrift: 13,
  approvals: [],
  approvalsNeeded: 1,
  keystoneCheck: { refusals: [] },
});
type Fields = NonNullable<Parameters<typeof operationView>[1]>;
type Cause = NonNullable<Fields['cause']>;
const page = (
  fields: Fields,
  details: Partial<Details> = {},
  tasks?: Parameters<typeof operationView>[2],
): El => {
  const seen = operationShape(operationView('shop', fields, tasks));
  const all = { audit: [], plan: undefined, approvedPlan: undefined, ...details };
  return h('div', {}, operationPage(seen, all, [], NOW));
};
const linesOf = (one: El | string): string[] =>
  typeof one === 'string'
    ? []
    : [
        ...(one.attributes['data-copy'] === undefined ? [] : [one.attributes['data-copy']]),
        ...one.children.flatMap(linesOf),
      ];

describe('the cause of an operation', () => {
  const cause = { messageId: 'm1', eventType: 'identity.project.deleted', at: OPENED_AT };
  const initiator = { userId: 'u1' } as NonNullable<Cause['initiator']>;
  const shownCause = (fields: Fields) =>
    /Because(.*?)(?:Plan|Runs again|Released|Recoverable|Opened)/.exec(textOf(page(fields)))?.[1];

  it.each<[Partial<Cause>, string]>([
    [{}, 'identity.project.deleted'],
    [{ initiator }, 'identity.project.deleted by u1'],
    [{ initiator: { ...initiator, name: 'ben' } }, 'identity.project.deleted by ben'],
    [{ note: 'found by the sweep' }, 'identity.project.deleted; found by the sweep'],
    [{ initiator, note: 'n' }, 'identity.project.deleted by u1; n'],
  ])('is its notification: %j', (more, expected) => {
    expect(shownCause({ cause: { ...cause, ...more } as Cause })).toBe(expected);
  });

  it('is the request of a person, if there is one', () => {
    expect(shownCause({ cause: { ...cause, initiator } as Cause, request })).toMatch(
      /^requested by ann at .*: r$/,
    );
  });
});

describe('the page of a plan', () => {
  const shown = page({ action: 'plan', state: 'observed' }, { plan });

  it('offers the list of every resource first, and then the approval once', () => {
    expect(linesOf(shown)).toEqual([
      `propagator operation show ${ID} --resources`,
      `propagator operation approve ${ID} --digest ${DIGEST}`,
      `propagator operation show ${ID}`,
    ]);
  });

  it('shows the command that approves it with a recovery window', () => {
    expect(textOf(shown)).toContain('add --recover-for TIME, for example --recover-for 30d');
  });
});

describe('the page of a recoverable operation', () => {
  const fields: Fields = { state: 'recoverable', request, recovery };

  it('shows the command that cancels the deletion first, and marks the other as final', () => {
    const lines = linesOf(page(fields));
    expect(lines.slice(lines.indexOf(`propagator operation watch ${ID}`) + 1, -1)).toEqual([
      `propagator operation cancel ${ID} --reason "…"`,
      `propagator operation release ${ID} --reason "…"`,
    ]);
    expect(textOf(page(fields))).toContain('remove everything now (this cannot be undone)');
  });
});

describe('the page of a recoverable operation, about its progress,', () => {
  const fields: Fields = { state: 'recoverable', request, recovery };

  it('shows the size of the plan, and no progress', () => {
    const text = textOf(page(fields, { approvedPlan: plan }, []));
    expect(text).toContain('The plan lists 258 resources.');
    expect(text).toContain('The services begin after the recovery window.');
    expect(text).not.toMatch(/none found|0 of 0|0 left/);
    expect(textOf(page(fields, {}, []))).not.toMatch(/none found|0 of 0|0 left/);
  });

  it('describes the effect of the window for a project and for a domain', () => {
    expect(textOf(page(fields))).toContain('The project is disabled and suspended.');
    const scope = { type: 'domain' as const, id: DomainId.parse('d1'), name: 'shop' };
    const text = textOf(page({ ...fields, scope }));
    expect(text).toContain(
      'The domain is disabled. Its projects are suspended only as the policy file says. ' +
        'Nothing is removed before the window ends.',
    );
  });
});

describe('the page of a finished operation', () => {
  const fields: Fields = { state: 'finished', endedAt: NOW };
  const condition = {
    class: 'Unsupported' as const,
    message: 'the image is protected',
    actor: 'operator' as const,
    advice: '',
    count: 1,
  };

  it('names the remaining resources for which there is no proof', () => {
    const none = { counts: {} };
    expect(textOf(page(fields, {}, [none]))).toContain(
      'A new listing showed that nothing is left to do.',
    );
    expect(textOf(page(fields))).toContain('except for the resources that remain.');
    const text = textOf(page(fields, {}, [{ state: 'finished', conditions: [condition] }]));
    expect(text).toContain('except for the resources under “Remains or is unknown”.');
    expect(text).not.toContain('showed that nothing is left to do.');
  });
});

describe('the page of a canceled operation', () => {
  it('names the person, the reason and the restored state', () => {
    const hold = {
      reason: 'canceled by ann: the contract continues',
      since: OPENED_AT,
      advice: 'Nothing was removed. See: propagator operation list --project p1',
    };
    const shown = page({ state: 'canceled', request, hold, endedAt: NOW });
    expect(textOf(shown)).toContain('Canceled by ann: the contract continues');
    expect(textOf(shown)).toContain('Nothing was removed.');
    expect(linesOf(shown)).toContain('propagator operation list --project p1');
    const held = page({ state: 'running', hold, endedAt: undefined });
    expect(textOf(held)).not.toContain('Canceled by ann: the contract');
  });

  it('does not offer to run it again', () => {
    const shown = page({ state: 'canceled', request, endedAt: NOW });
    expect(linesOf(shown).join()).not.toContain('rerun');
    expect(linesOf(page({ state: 'finished', endedAt: NOW })).join()).toContain('rerun');
  });
});

describe('the page of a suspend', () => {
  const fields: Fields = { action: 'suspend', state: 'running' };

  it('counts its resources as suspended, and not as removed', () => {
    expect(textOf(page(fields))).toContain('nova.server: 4 of 10 suspended, 6 left');
    expect(textOf(page({ state: 'running' }))).toContain('nova.server: 4 of 10 removed, 6 left');
  });

  it.each(['observed', 'refused'] as const)(
    'offers no release and no rerun when it is %s, because the API refuses them',
    (state) => {
      const ended = { state, endedAt: NOW };
      expect(linesOf(page({ ...fields, ...ended })).join()).not.toMatch(/release|rerun/);
      expect(linesOf(page(ended)).join()).toMatch(/rerun/);
    },
  );

  it('names no removal when a rule refused it', () => {
    const reason = 'protected: the project of the cleaner';
    const hold = { reason, since: OPENED_AT, advice: '' };
    const text = textOf(page({ ...fields, state: 'refused', endedAt: NOW, hold }));
    expect(text).toContain('Protected: the project of the cleaner');
    expect(text).not.toContain('Keystone still shows the account');
  });
});

describe('a row of the list', () => {
  const progressIn = (fields: Fields) => {
    const operations = [operationShape(operationView('shop', fields))];
    const shown = operationsPage({ operations }, filtersOf(new URLSearchParams()), NOW);
    return textOf(h('div', {}, shown));
  };

  it('has no bar where only resources were counted, or nothing has begun', () => {
    const observed = { action: 'suspend', state: 'observed', mode: 'enforce' } as const;
    expect(progressIn({ ...observed, endedAt: NOW })).toContain('10 counted');
    expect(progressIn({ ...observed, endedAt: NOW })).not.toContain('%');
    expect(progressIn({ state: 'recoverable', request, recovery })).not.toContain('%');
    expect(progressIn({})).toContain('40 %');
  });
});
