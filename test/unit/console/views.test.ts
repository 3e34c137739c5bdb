import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { JSDOM } from 'jsdom';
import { command, commandsIn, quoted } from '../../../console/command.ts';
import { type El, h, textOf } from '../../../console/element.ts';
import {
  countWithNoun,
  doneShare,
  durationText,
  numberText,
  timeText,
  visible,
} from '../../../console/format.ts';
import {
  apiQuery,
  filterOperations,
  filtersOf,
  listAddress,
  needsPerson,
  pageOf,
} from '../../../console/operations.ts';
import { overviewPage } from '../../../console/page-overview.ts';
import { patch } from '../../../console/patch.ts';
import { routeOf } from '../../../console/routes.ts';
import {
  type Operation,
  operationShape,
  planShape,
  ShapeError,
  statusShape,
} from '../../../console/shapes.ts';
import { ENDED_STATES, MEANINGS, toneOf } from '../../../console/states.ts';
import { OperationShape } from '../../../lib/cli/shapes.ts';
import { ENDED_OPERATION_STATES, OPERATION_STATES } from '../../../lib/operation/model.ts';
import { runs } from '../../property/runs.ts';
import { ID, OPENED_AT, operationView, STATUS } from './samples.ts';

const often = { numRuns: runs(200) };
const NOW = OPENED_AT + 90_000;
const seen = (...input: Parameters<typeof operationView>): Operation =>
  operationShape(operationView(...input));

describe('the texts of the console', () => {
  it('show every hidden character', () => {
    expect(visible('a\u202eb\u0000c\u200bd\ne')).toBe('a\\u202eb\\u0000c\\u200bd e');
    // A browser shows these as nothing or as a space.
    for (const code of [
      ...[0xad, 0x34f, 0x115f, 0x1160, 0x17b4, 0x180e, 0x200b, 0x202e, 0x2060, 0x2800, 0x3164],
      ...[0xfe0f, 0xfeff, 0xffa0, 0xfffb, 0x1d173, 0xe0000, 0xe0041, 0xe007f, 0xe01ef],
    ]) {
      const hex = code.toString(16).padStart(4, '0');
      const shown = hex.length > 4 ? `\\u{${hex}}` : `\\u${hex}`;
      expect(visible(`a${String.fromCodePoint(code)}b`)).toBe(`a${shown}b`);
    }
    expect(visible('Zürich 😀 日本')).toBe('Zürich 😀 日本');
  });

  it('show numbers, durations and times', () => {
    expect([numberText(7), numberText(12_345), numberText(1_234_567)]).toEqual([
      '7',
      '12\u202f345',
      '1\u202f234\u202f567',
    ]);
    expect([countWithNoun(1, 'type'), countWithNoun(0, 'type')]).toEqual(['1 type', '0 types']);
    expect([-5, 42_000, 423_000, 7_500_000, 273_600_000].map(durationText)).toEqual([
      '0s',
      '42s',
      '7m 3s',
      '2h 5m',
      '3d 4h',
    ]);
    expect([timeText(0), timeText(undefined), timeText(Number.NaN), timeText(1e20)]).toEqual([
      '1970-01-01 00:00:00Z',
      '-',
      '-',
      '-',
    ]);
    expect([doneShare({ found: 0, left: 0 }), doneShare({ found: 4, left: 9 })]).toEqual([
      undefined,
      0,
    ]);
  });

  it('name every state, and mark the states in which an operation has ended', () => {
    expect(Object.keys(MEANINGS).toSorted()).toEqual([...OPERATION_STATES].toSorted());
    expect(ENDED_STATES.toSorted()).toEqual([...ENDED_OPERATION_STATES].toSorted());
    expect(toneOf('a state of a later release')).toBe('quiet');
  });
});

describe('a command to copy', () => {
  it('has one word for each value', () => {
    expect(command('hold remove --project', 'p 1; reboot')).toBe(
      "propagator hold remove --project 'p 1; reboot'",
    );
    expect(quoted("it's\u202e\n")).toBe(`'it'\\''s\\u202e '`);
  });

  it.each<[string, string[]]>([
    [
      'Then: propagator dead-letter redrive --operation op-0123456789ab',
      ['propagator dead-letter redrive --operation op-0123456789ab'],
    ],
    [
      'To take it back: propagator operation cancel op-1 --reason "…". To remove now: propagator ' +
        'operation release op-1 --reason "…"',
      [
        'propagator operation cancel op-1 --reason "…"',
        'propagator operation release op-1 --reason "…"',
      ],
    ],
    [
      'To see it: propagator operation show op-1. It continues within a minute.',
      ['propagator operation show op-1'],
    ],
    ['Do: propagator hold remove --project p1', []],
    ['Do: propagator operation approve op-1 --digest 00', []],
    ['Do: propagator dead-letter discard m1 --reason "…"', []],
    ['Do: propagator suspicious release s1', []],
    ['Do: propagator suspicious drop s1', []],
    ['Do: propagator project delete p1 --yes', []],
    ['Do: propagator domain delete d1', []],
    ['Do: propagator stop-all --reason "…"', []],
    ['Do: propagator operation release op-1;reboot', ['propagator operation release op-1']],
    ['Do: propagator operation release $(reboot)', ['propagator operation release']],
    ['Do: propagator operation list --project a|b', ['propagator operation list --project']],
    ['The propagator repeats the call.', []],
  ])('is found in an advice: %s', (advice, found) => {
    expect(commandsIn(advice)).toEqual(found);
  });

  it('never has a character that a shell interprets', async () => {
    await fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 40 }), (text) => {
        for (const line of commandsIn(`Do: propagator operation list --project ${text}`))
          expect(line.replace(' --reason "…"', '')).toMatch(/^[\w .:@/+=-]+(?: "…")*$/);
      }),
      often,
    );
  });
});

describe('the addresses', () => {
  it('name the pages', () => {
    expect(['', '#', '#/', '#/holds', `#/operations/${ID}`].map(routeOf)).toEqual([
      { page: 'overview' },
      { page: 'overview' },
      { page: 'overview' },
      { page: 'holds' },
      { page: 'operation', id: ID },
    ]);
    for (const wrong of ['#/x', '#/operations/', '#/operations/../v1', '#/operations/op-1?x'])
      expect(routeOf(wrong)).toEqual({ page: 'unknown' });
  });

  it('keep the filters', () => {
    const filters = filtersOf(
      new URLSearchParams('state=held&action=cleanup&domain=a%26b&text=%3Cb%3E&page=3&limit=1000'),
    );
    expect(routeOf(listAddress(filters))).toEqual({ page: 'operations', filters });
    expect(apiQuery(filters)).toBe('limit=1000&state=held&domain=a%26b');
    expect(listAddress({})).toBe('#/operations');
    expect(filtersOf(new URLSearchParams('page=-1&limit=99999999&state=')).page).toBe(1);
  });
});

describe('the list', () => {
  it('finds operations by action and by name, id or reason', () => {
    const all = [seen('shop'), seen('Billing', { action: 'suspend' })];
    const names = (action: string, text: string) =>
      filterOperations(all, { action, text }).map(({ operation }) => operation.scope.name);
    expect(names('', '')).toEqual(['shop', 'Billing']);
    expect(names('suspend', '')).toEqual(['Billing']);
    expect(names('', 'bill')).toEqual(['Billing']);
    expect(names('', ID)).toEqual(['shop', 'Billing']);
    expect(names('suspend', 'shop')).toEqual([]);
  });

  it('has pages, and the last one is shown for a page that does not exist', () => {
    const rows = Array.from({ length: 60 }, (_, index) => index);
    expect(pageOf(rows, 3)).toEqual({ rows: rows.slice(50), page: 3, pages: 3 });
    expect(pageOf(rows, 99).page).toBe(3);
    expect(pageOf([], 1)).toEqual({ rows: [], page: 1, pages: 1 });
  });
});

describe('the overview', () => {
  const hold = { reason: 'the cap is reached', since: OPENED_AT, advice: '' };
  const data = (fields: object = {}) => ({
    status: statusShape(STATUS),
    newest: [] as Operation[],
    older: [] as Operation[],
    plans: [],
    morePlanCount: 0,
    statesWithMore: [] as string[],
    notice: undefined,
    ...fields,
  });
  const cardsOf = (page: ReturnType<typeof overviewPage>): string[] => {
    const found: string[] = [];
    const walk = (one: El | string) => {
      if (typeof one === 'string') return;
      if (one.attributes.class?.startsWith('card')) found.push(textOf(one));
      one.children.forEach(walk);
    };
    walk(h('div', {}, page));
    return found;
  };

  it('shows that no decision is needed when there is none', () => {
    const page = overviewPage(data(), NOW);
    expect(cardsOf(page)).toEqual([]);
    expect(textOf(h('div', {}, page))).toContain('Nothing needs a person now');
  });

  it('shows the most severe decisions first, each with its command', () => {
    const held = seen('held one', { state: 'held', hold });
    const stopped = { by: 'ann', reason: 'an incident', at: OPENED_AT };
    const status = { ...STATUS, ok: false, stopped, suspicious: 2, enabledDuringHold: 1 };
    const queues = { 'service-nova': { ready: 0, delayed: 0, active: 0, dead: 3 } };
    const cards = cardsOf(
      overviewPage(data({ status: { ...status, queues }, older: [held] }), NOW),
    );
    expect(cards.map((card) => card.slice(0, 30))).toEqual([
      expect.stringContaining('All destructive work is'),
      expect.stringContaining('A part of the propagator'),
      expect.stringContaining('3 dead-letter messages'),
      expect.stringContaining('1 project held suspended'),
      expect.stringContaining(ID),
      expect.stringContaining('2 deletions held'),
    ]);
    expect(cards[0]).toContain('propagator resume-all --reason "…"');
    expect(cards[4]).toContain(`propagator operation release ${ID} --reason "…"`);
  });

  it('omits operations that need no person and operations that have ended', () => {
    expect(needsPerson(seen('a'))).toBe(false);
    expect(needsPerson(seen('a', { state: 'held', hold }))).toBe(true);
    expect(needsPerson(seen('a', { state: 'canceled', hold, endedAt: NOW }))).toBe(false);
  });
});

describe('the shapes', () => {
  it('are the same as those that the commands accept', () => {
    const sample = operationView('shop', { state: 'held' });
    expect(OperationShape.safeParse(sample).success).toBe(true);
    expect(operationShape(sample)).toBe(sample);
  });

  it('refuse a plan without a field that is shown', () => {
    const plan = {
      id: ID,
      scope: { type: 'project', id: 'p1' },
      openedAt: 1,
      resources: 2,
      allowedDrift: 1,
      approvals: [],
      approvalsNeeded: 1,
      keystoneCheck: { refusals: [] },
    };
    expect(planShape(plan)).toBe(plan);
    for (const name of Object.keys(plan))
      expect(() => planShape({ ...plan, [name]: undefined })).toThrow(ShapeError);
  });

  it('refuse any other answer, and name the wrong part', async () => {
    await fc.assert(
      fc.property(fc.json(), (text) => {
        const value: unknown = JSON.parse(text);
        expect(() => operationShape(value)).toThrow(ShapeError);
      }),
      often,
    );
    expect(() => statusShape({ ...STATUS, queues: { a: { ready: '1' } } })).toThrow(
      'answer.queues.a.ready is not a number',
    );
  });
});

describe('the change of a page', () => {
  const { document } = new JSDOM().window;
  const leaf = fc.string({ minLength: 1, maxLength: 4 });
  const { tree } = fc.letrec<{ tree: El }>((tie) => ({
    tree: fc
      .record({
        tag: fc.constantFrom('div', 'p', 'li'),
        key: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: undefined }),
        class: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
        children: fc.array(fc.oneof({ maxDepth: 3 }, leaf, tie('tree')), { maxLength: 4 }),
      })
      .map(({ tag, key, class: name, children }) => {
        const keys = new Set<string>();
        // Keys are unique among the children of an element.
        const distinct = children.filter((child) => {
          const own = typeof child === 'string' ? undefined : child.attributes['data-key'];
          if (own === undefined) return true;
          if (keys.has(own)) return false;
          keys.add(own);
          return true;
        });
        return h(tag, { 'data-key': key, class: name }, distinct);
      }),
  }));
  const rootOf = (...states: El[]) => {
    const root = document.createElement('main');
    for (const state of states) patch(root, [state]);
    return root;
  };

  it('gives the same result as a new page, whatever page was shown before', async () => {
    await fc.assert(
      fc.property(tree, tree, tree, (first, second, third) => {
        expect(rootOf(first, second, third).outerHTML).toBe(rootOf(third).outerHTML);
      }),
      often,
    );
  });

  it('keeps the element of a row when others come before it', () => {
    const rows = (...keys: string[]) => keys.map((key) => h('li', { 'data-key': key }, key));
    const root = document.createElement('ul');
    patch(root, rows('a', 'b'));
    const [a, b] = root.children;
    patch(root, rows('new', 'a', 'b'));
    expect([root.children[1], root.children[2]]).toEqual([a, b]);
    expect(root.children[1]).toBe(a);
    patch(root, rows('b', 'a'));
    expect(root.children[0]).toBe(b);
    expect(root.children[1]).toBe(a);
    patch(root, rows('b'));
    expect(root.children).toHaveLength(1);
    expect(root.firstElementChild).toBe(b);
  });
});

describe('the colors', () => {
  const css = readFileSync('console/static/console.css', 'utf8');
  const [light = '', dark = ''] = css.split('@media (prefers-color-scheme: dark)');
  const colorsOf = (part: string) =>
    new Map(
      [...part.matchAll(/--([a-z]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
    );
  const luminance = (color: string): number => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  it.each([
    ['light', light],
    ['dark', dark],
  ])('have the contrast of WCAG AA: %s', (_, part) => {
    const colors = colorsOf(part);
    for (const front of ['text', 'dim', 'accent', 'good', 'busy', 'wait', 'bad'])
      for (const back of ['back', 'card', 'code']) {
        const [a = 0, b = 0] = [front, back]
          .map((name) => luminance(colors.get(name) ?? ''))
          .toSorted((one, other) => other - one);
        expect([front, back, (a + 0.05) / (b + 0.05) >= 4.5]).toEqual([front, back, true]);
      }
  });
});
