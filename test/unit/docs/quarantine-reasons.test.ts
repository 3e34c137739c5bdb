import { readFileSync } from 'node:fs';

const read = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const sources = ['notification', 'wrapping'].map((name) => read(`lib/account/${name}.ts`)).join();
const [, table = ''] = /\| reason \|.*\n\|-.*\n((?:\|.*\n)+)/.exec(
  read('docs/runbooks/quarantine.md'),
) ?? [undefined];
const reasons = table
  .trim()
  .split('\n')
  .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)])
  .map(([, reason = '']) => reason);

describe('the runbook of the quarantine', () => {
  it.each(reasons)('has a reason that the propagator stores: %s', (reason) => {
    expect(sources).toContain(reason.replace(/ ?…$/, ''));
  });

  it('has several reasons', () => {
    expect(reasons.length).toBeGreaterThan(5);
  });
});
