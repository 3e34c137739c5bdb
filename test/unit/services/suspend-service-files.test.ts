import { readdirSync, readFileSync } from 'node:fs';
import { SERVICES } from '../../../lib/services/index.ts';
import { magnum } from '../../../lib/services/magnum.ts';
import { leftBySuspendWarnings } from '../../../lib/task/left-by-suspend.ts';
import { compute, fixture, server } from './suspend-fixture.ts';

describe('The API client of a suspension', () => {
  it.each([
    ['DELETE', '/servers/s1', undefined],
    ['POST', '/servers/s1/action', { forceDelete: null }],
    ['POST', '/servers/s1/action', { rebuild: {} }],
    ['POST', '/servers/s1/action', { shelveOffload: null }],
  ] as const)('refuses %s %s %j, and sends nothing', async (method, path, json) => {
    const { calls, context } = compute(server('active'));
    await expect(context.api.request(method, path, json ? { json } : {})).rejects.toMatchObject({
      report: { code: 'safety-rules.run-deletes', class: 'Denied' },
    });
    expect(calls).toEqual([]);
  });

  it('refuses in Swift each call that can replace or delete an object, and accepts every container name', async () => {
    const { calls, context } = fixture('swift', {});
    await expect(context.api.request('PUT', '/c/o', { body: '' })).rejects.toThrow('replace');
    await expect(
      context.api.request('POST', '', { query: { 'bulk-delete': true } }),
    ).rejects.toThrow('deletes');
    await context.api.request('POST', '/delete-me', { headers: {} });
    expect(calls).toEqual([['POST', '/delete-me', {}]]);
  });
});

describe('docs/lifecycle.md', () => {
  it('describes for every service the effect of suspend, or the reason why it has none', () => {
    const page = readFileSync(new URL('../../../docs/lifecycle.md', import.meta.url), 'utf8');
    for (const service of SERVICES) {
      if (service.resourceTypes.length === 0) continue;
      const types = (service.suspension?.types ?? []).map((type) => type(service.name));
      for (const { resourceType } of types) expect(page).toContain(`\`${resourceType}\``);
      if (types.length === 0) expect(page).toMatch(new RegExp(`^\\|.*\\b${service.name}\\b`, 'm'));
    }
  });
});

describe('A service file', () => {
  it.each(SERVICES.map((service) => [service.name, service] as const))(
    'describes for each resource type of %s the effect of suspend, or in a sentence why it has none',
    (name, { resourceTypes, suspension, leftBySuspend }) => {
      const suspended = (suspension?.types ?? []).map((type): string => type(name).resourceType);
      const left = leftBySuspend.flatMap(({ types }) => types.map((type) => `${name}.${type}`));
      const types = resourceTypes.map((type): string => type.name);
      expect(types.filter((type) => !suspended.includes(type) && !left.includes(type))).toEqual([]);
      expect(left.filter((type) => suspended.includes(type) || !types.includes(type))).toEqual([]);
      for (const { because } of leftBySuspend) expect(because).toMatch(/^[A-Z].*\.$/);
    },
  );
});

describe('The contract of suspend and resume', () => {
  it('is tested for every service that can be suspended', () => {
    const folder = new URL('.', import.meta.url);
    const tests = readdirSync(folder)
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => readFileSync(new URL(file, folder), 'utf8'))
      .join('\n');
    const suspended = SERVICES.filter(({ suspension }) => suspension).map(({ name }) => name);
    const untested = suspended.filter(
      (name) => !new RegExp(`test(Service|Suspension)Contract\\(${name}(Service)?\\b`).test(tests),
    );
    expect(untested).toEqual([]);
  });
});

describe('A resource that counteracts a suspension', () => {
  it('is listed and reported, without the rows of other projects and without a change', async () => {
    const { context, calls } = fixture('magnum', {
      '/clusters/detail': [
        { uuid: 'c1', name: 'k8s', project_id: 'p1' },
        { uuid: 'c2', name: 'theirs', project_id: 'p2' },
      ],
    });
    expect(await leftBySuspendWarnings(magnum, context)).toEqual([
      expect.objectContaining({ resourceType: 'magnum.cluster', count: 1, example: 'k8s' }),
    ]);
    expect(calls).toEqual([]);
  });

  it('is reported as unknown when it cannot be listed', async () => {
    const { context } = fixture('magnum', {});
    const list = () => Promise.reject(new Error('no answer'));
    const broken = { ...context, api: { ...context.api, list } };
    expect(await leftBySuspendWarnings(magnum, broken)).toEqual([
      expect.objectContaining({ message: expect.stringContaining('is unknown') }),
    ]);
  });
});
