import { DomainId, OperationId, ProjectId } from '../../../events/ids.ts';
import { ID, OPENED_AT, operationView, STATUS } from './samples.ts';
import { type Answers, json, openTab, refused } from './tab.ts';

const idOf = (number: number) => OperationId.parse(`op-${String(number).padStart(12, '0')}`);
const scopeOf = (name: string) => ({
  type: 'project' as const,
  id: ProjectId.parse(name),
  name,
  domainId: DomainId.parse('d1'),
});
const plan = (number: number, name: string, openedAt = OPENED_AT - number) =>
  operationView(name, {
    id: idOf(number),
    action: 'plan',
    state: 'observed',
    openedAt,
    scope: scopeOf(name),
  });
const details = (id: string, name: string, more: object = {}) => ({
  id,
  scope: { type: 'project', id: name, name },
  openedAt: OPENED_AT,
  digest: 'a'.repeat(64),
  resources: 258,
  allowedDrift: 13,
  approvals: [],
  approvalsNeeded: 2,
  keystoneCheck: { refusals: [], unknown: [] },
  ...more,
});
const held = (number: number) =>
  operationView(`held-${number}`, {
    id: idOf(number),
    state: 'held',
    hold: { reason: 'the cap is reached', since: OPENED_AT, advice: '' },
  });
const many = <T>(count: number, make: (number: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index + 1000));

/** An API with these operations: the newest 100 at most are listed, as in the real one. */
function api(all: unknown[], planOf: (path: string) => Response, status: object = STATUS): Answers {
  return (path) => {
    if (path.endsWith('/plan')) return planOf(path);
    if (path.startsWith('/v1/status')) return json(status);
    const state = new URLSearchParams(path.split('?')[1]).get('state');
    const found = all.filter(
      (one) =>
        state === null || (one as { operation: { state: string } }).operation.state === state,
    );
    return json({ operations: found.slice(0, 100) });
  };
}

/** Opens the overview, waits until it is shown, and returns its text and its commands. */
async function overview(answers: Answers) {
  const tab = openTab(answers);
  const opened = tab.page.open();
  await tab.until(() => tab.sleeps.length === 1);
  return {
    ...tab,
    text: () => tab.main.textContent ?? '',
    cards: () => [...tab.main.querySelectorAll('.card')].map((one) => one.textContent ?? ''),
    paths: (part: string) => tab.calls.filter(({ path }) => path.includes(part)),
    again: async () => {
      const before = tab.sleeps.length;
      tab.sleeps.at(-1)?.wake();
      await tab.until(() => tab.sleeps.length === before + 1);
    },
    close: async () => {
      tab.page.close();
      await opened;
    },
  };
}

describe('the plans of the overview', () => {
  it.each([404, 500, 503])(
    'do not hide the rest of the overview when one plan cannot be read: %i',
    async (status) => {
      const dead = { 'service-nova': { ready: 0, delayed: 0, active: 0, dead: 1 } };
      const seen = await overview(
        api(
          [plan(1, 'shop'), plan(2, 'billing')],
          (path) => (path.includes(idOf(1)) ? refused(status) : json(details(idOf(2), 'billing'))),
          { ...STATUS, queues: dead },
        ),
      );
      expect(seen.head.textContent).toContain('Live');
      expect(seen.cards()).toEqual([
        expect.stringContaining('1 dead-letter message'),
        expect.stringContaining('plan of project shop may wait for approval'),
        expect.stringContaining('258 resources; 0 of 2 approvals'),
      ]);
      await seen.close();
    },
  );

  it('are read again after 30 s only, because each reading asks Keystone', async () => {
    const seen = await overview(api([plan(1, 'shop')], () => json(details(idOf(1), 'shop'))));
    seen.state.now += 10_000;
    await seen.again();
    expect([seen.paths('/plan').length, seen.paths('/v1/status').length]).toEqual([1, 2]);
    seen.state.now += 25_000;
    await seen.again();
    expect(seen.paths('/plan')).toHaveLength(2);
    await seen.close();
  });

  it('offer no approval to copy, but a link to the plan', async () => {
    const seen = await overview(api([plan(1, 'shop')], () => json(details(idOf(1), 'shop'))));
    expect(seen.main.querySelector('.card')?.textContent).toContain('waits for approval');
    expect(seen.main.querySelectorAll('.card [data-copy]')).toHaveLength(0);
    expect(seen.main.innerHTML).toContain(`href="#/operations/${idOf(1)}"`);
    await seen.close();
  });

  it('are those that no newer cleanup of the account has followed', async () => {
    const cleanup = operationView('shop', {
      id: ID,
      state: 'finished',
      endedAt: OPENED_AT,
      openedAt: OPENED_AT - 5,
      scope: scopeOf('shop'),
    });
    const seen = await overview(
      api([plan(1, 'shop'), cleanup, plan(9, 'shop'), plan(10, 'billing')], (path) =>
        json(
          details(
            path.split('/')[3] ?? '',
            'x',
            path.includes(idOf(10)) ? { carriedOutBy: ID } : {},
          ),
        ),
      ),
    );
    expect(seen.cards()).toEqual([expect.stringContaining(idOf(1))]);
    await seen.close();
  });

  it('are only counted beyond the plans that are read', async () => {
    const seen = await overview(
      api(
        many(8, (number) => plan(number, `p${number}`)),
        (path) => json(details(path.split('/')[3] ?? '', 'x')),
      ),
    );
    expect(seen.paths('/plan')).toHaveLength(5);
    expect(seen.cards()).toHaveLength(6);
    expect(seen.cards().at(-1)).toContain('3 older plans may wait for approval');
    await seen.close();
  });
});

describe('the extent of the overview', () => {
  const running = many(150, (number) => operationView('busy', { id: idOf(number) }));

  it('covers every operation with two requests, while fewer than 100 exist', async () => {
    const seen = await overview(api([held(1)], () => refused(404)));
    expect(seen.paths('/v1/').map(({ path }) => path)).toEqual([
      '/v1/status',
      '/v1/operations?limit=100',
    ]);
    expect(seen.text()).toContain('Needs a person now: 1');
    expect(seen.text()).not.toContain('or more');
    await seen.close();
  });

  it('is not called complete when 100 operations of a state were read', async () => {
    const seen = await overview(api(many(120, held), () => refused(404)));
    expect(seen.text()).toContain('Needs a person now: 100 or more');
    expect(seen.main.innerHTML).toContain('href="#/operations?state=held&amp;limit=1000"');
    await seen.close();
    const calm = await overview(api(running, () => refused(404)));
    expect(calm.text()).toContain('Nothing that was read needs a person now');
    expect(calm.text()).toContain('This page considers the newest 100 operations');
    await calm.close();
  });

  it.each(['confirming', 'recoverable', 'pre-delete', 'waiting', 'closing'] as const)(
    'includes an old operation in the state %s that needs a person',
    async (state) => {
      const hold = { reason: 'Keystone refuses it', since: OPENED_AT, advice: '' };
      const old = operationView('old', {
        id: ID,
        state,
        hold: { ...hold, about: 'keystoneAction' },
      });
      const seen = await overview(api([...running, old], () => refused(404)));
      expect(seen.cards()).toEqual([expect.stringContaining(ID)]);
      const of = (name: string) => seen.paths(`state=${name}`).length;
      await seen.again();
      expect([of(state), of('held')]).toEqual([1, 2]);
      await seen.close();
    },
  );

  it('includes an old plan that waits for approval', async () => {
    const seen = await overview(
      api([...running, plan(1, 'old')], () => json(details(idOf(1), 'old'))),
    );
    expect(seen.cards()).toEqual([expect.stringContaining('plan of project old waits')]);
    await seen.close();
  });
});
