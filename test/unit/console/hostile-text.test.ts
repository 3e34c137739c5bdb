import { h } from '../../../console/element.ts';
import { ID, OPENED_AT, operationView, STATUS } from './samples.ts';
import { type Answers, eventStream, json, openTab } from './tab.ts';

const EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script>\u202e$(reboot)`id`"\' &amp;';
const SHOWN = EVIL.replace('\u202e', '\\u202e');
const hold = { reason: EVIL, since: OPENED_AT, advice: `Read ${EVIL}` };
const condition = {
  class: 'Unsupported' as const,
  message: EVIL,
  actor: 'operator' as const,
  advice: EVIL,
  count: 1,
};
const operation = operationView(EVIL, { state: 'held', hold }, [
  { state: 'unreachable', because: EVIL, conditions: [condition] },
]);
const by = { kind: 'token', name: EVIL };
const entry = { sequence: 1, at: OPENED_AT, by, what: EVIL, reason: EVIL, from: EVIL };
const error = { code: EVIL, class: 'Denied', message: EVIL, advice: EVIL };
const problem = { message: EVIL, advice: EVIL };
const service = {
  name: EVIL,
  catalogTypes: [EVIL],
  resourceTypes: [EVIL],
  regions: [EVIL],
  on: true,
  problem,
};
const DATA: Readonly<Record<string, unknown>> = {
  '/v1/status': { ...STATUS, stopped: { by: EVIL, reason: EVIL, at: OPENED_AT }, mode: EVIL },
  '/v1/operations': { operations: [operation], notice: EVIL },
  '/v1/audit': { entries: [entry] },
  '/v1/dead-letters': {
    deadLetters: [{ id: EVIL, queue: EVIL, at: OPENED_AT, cause: EVIL, operationId: EVIL, error }],
  },
  '/v1/holds': {
    holds: [{ target: 'project', id: EVIL, by: EVIL, reason: EVIL, at: OPENED_AT, ticket: EVIL }],
    suspensions: [
      { project: EVIL, by: EVIL, reason: EVIL, at: OPENED_AT, enabledAt: EVIL, advice: EVIL },
    ],
  },
  '/v1/services': {
    services: [service],
    httpPlugins: [EVIL],
    uncovered: [{ type: EVIL, name: EVIL, because: EVIL, advice: EVIL }],
    waived: [{ type: EVIL, by: EVIL, reason: EVIL, at: OPENED_AT }],
  },
};
const answers: Answers = (path) => {
  const [name = ''] = path.split('?');
  if (name.endsWith('/events')) {
    const stream = eventStream();
    stream.send('operation', operation);
    return stream.answer;
  }
  return json(DATA[name]);
};

describe.each([
  ['#/', 6],
  ['#/operations', 3],
  [`#/operations/${ID}`, 8],
  ['#/dead-letters', 5],
  ['#/holds', 8],
  ['#/services', 10],
])('the page %s', (hash, least) => {
  it('shows a hostile text as text', async () => {
    const tab = openTab(answers, { hash });
    const opened = tab.page.open();
    await tab.until(() => tab.main.textContent?.includes('onerror') ?? false);
    if (hash.includes(ID)) await tab.until(() => tab.main.querySelectorAll('table').length > 1);
    const { main, document } = tab;
    expect(main.querySelectorAll('img, script, iframe, object, style, link')).toHaveLength(0);
    for (const element of document.querySelectorAll('#main *, #header *'))
      for (const { name, value } of element.attributes) {
        expect(name).toMatch(
          /^(class|id|role|scope|type|value|max|title|for|name|tabindex|open|selected|autocomplete|maxlength|spellcheck|href|(aria|data)-[a-z]+)$/,
        );
        if (name === 'href') expect(value).toMatch(/^#/);
      }
    const shown = main.textContent?.split(SHOWN).length ?? 0;
    expect(shown).toBeGreaterThan(least);
    expect(main.textContent).not.toContain('\u202e');
    tab.page.close();
    await opened;
  });

  it('offers no command in which a hostile text is more than one quoted word', async () => {
    const tab = openTab(answers, { hash });
    const opened = tab.page.open();
    await tab.until(() => tab.main.textContent?.includes('onerror') ?? false);
    const lines = [...tab.main.querySelectorAll('[data-copy]')].map(
      (button) => button.getAttribute('data-copy') ?? '',
    );
    for (const line of lines)
      expect(line.replace(/'(?:[^']|'\\'')*'/g, 'QUOTED')).toMatch(
        /^propagator [\w .:@/+=-]*(?:QUOTED)?[\w .:@/+=-]*(?:QUOTED)?(?: --reason "…")?$/,
      );
    tab.page.close();
    await opened;
  });
});

describe('an element of the console', () => {
  it.each([
    ['script', {}],
    ['iframe', {}],
    ['style', {}],
    ['img', {}],
    ['svg', {}],
  ])('is never %s', (tag, attributes) => {
    expect(() => h(tag, attributes)).toThrow(TypeError);
  });

  it.each([
    ['onclick', 'alert(1)'],
    ['style', 'color: red'],
    ['src', 'x'],
    ['action', 'x'],
    ['href', 'https://evil.example'],
    ['href', 'javascript:alert(1)'],
    ['href', ' #'],
  ])('has no attribute %s="%s"', (name, value) => {
    expect(() => h('a', { [name]: value })).toThrow(TypeError);
  });
});
