import { type El, h, textOf } from '../../../console/element.ts';
import { type Details, operationPage } from '../../../console/page-operation.ts';
import { operationShape, planShape } from '../../../console/shapes.ts';
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
type Fields = Parameters<typeof operationView>[1];
const page = (
  fields: Fields,
  details: Partial<Details> = {},
  tasks?: Parameters<typeof operationView>[2],
): El => {
  const seen = operationShape(operationView('shop', fields, tasks));
  const all = { audit: [], plan: undefined, ...details };
  return h('div', {}, operationPage(seen, all, [], NOW));
};
const linesOf = (one: El | string): string[] =>
  typeof one === 'string'
    ? []
    : [
        ...(one.attributes['data-copy'] === undefined ? [] : [one.attributes['data-copy']]),
        ...one.children.flatMap(linesOf),
      ];

describe('the page of a plan', () => {
  const shown = page({ action: 'plan', state: 'observed' }, { plan });

  it('lists every resource of this plan before the approval, which it offers once', () => {
    expect(linesOf(shown)).toEqual([
      `propagator operation show ${ID} --resources`,
      `propagator operation approve ${ID} --digest ${DIGEST}`,
      `propagator operation show ${ID}`,
    ]);
  });

  it('says how to approve it with a recovery window', () => {
    expect(textOf(shown)).toContain('add --recover-for TIME, for example --recover-for 30d');
  });
});

describe('the page of a recoverable operation', () => {
  const fields: Fields = { state: 'recoverable', request, recovery };

  it('offers first what takes the deletion back, and marks the other as final', () => {
    const lines = linesOf(page(fields));
    expect(lines.slice(lines.indexOf(`propagator operation watch ${ID}`) + 1, -1)).toEqual([
      `propagator operation cancel ${ID} --reason "…"`,
      `propagator operation release ${ID} --reason "…"`,
    ]);
    expect(textOf(page(fields))).toContain('remove everything now, which cannot be taken back');
  });
});

describe('the page of a canceled operation', () => {
  it('does not offer to run it again', () => {
    const shown = page({ state: 'canceled', request, endedAt: NOW });
    expect(linesOf(shown).join()).not.toContain('rerun');
    expect(linesOf(page({ state: 'finished', endedAt: NOW })).join()).toContain('rerun');
  });
});
