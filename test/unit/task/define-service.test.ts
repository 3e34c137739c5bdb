import { defineService, defineType } from '../../../lib/task/service.ts';

const alarm = defineType<string>({
  name: 'alarm',
  list: async () => [],
  id: (id) => id,
  owner: () => undefined,
  remove: async () => ({ kind: 'gone' }),
});
const secret = defineType<string>({
  name: 'secret',
  requiresLiveProject: { class: 'C', leftover: 'secrets', advice: '' },
  list: async () => [],
  id: (id) => id,
  owner: () => undefined,
  remove: async () => ({ kind: 'gone' }),
});
const named = { name: 'aodh', catalogTypes: ['alarm'] };

describe('the definition of a service', () => {
  it('needs either resource types or the reason for none', () => {
    const message = /aodh: a service needs resource types, or noProjectResources/;
    expect(() => defineService(named)).toThrow(message);
    expect(() => defineService({ ...named, resourceTypes: [] })).toThrow(message);
    expect(() =>
      defineService({ ...named, resourceTypes: [alarm], noProjectResources: 'none' }),
    ).toThrow(message);
    expect(defineService({ ...named, noProjectResources: 'none' }).resourceTypes).toEqual([]);
  });

  it('has these defaults', () => {
    const { resourceTypes, ...others } = defineService({ ...named, resourceTypes: [alarm] });
    expect(resourceTypes.map(({ name }) => name)).toEqual(['aodh.alarm']);
    expect(others).toEqual({
      ...named,
      catalogAliases: [],
      dependsOn: [],
      dependents: [],
      microversion: undefined,
      scope: 'project',
      preDelete: false,
      offByDefault: undefined,
      noProjectResources: undefined,
      releases: [],
      concurrency: 8,
      userResourceTypes: [],
      userReports: [],
      suspension: undefined,
      leftBySuspend: [],
      provision: undefined,
      userProvision: undefined,
    });
  });

  it('takes part in phase pre-delete if a type needs the project, unless it says otherwise', () => {
    const resourceTypes = [alarm, secret];
    expect(defineService({ ...named, resourceTypes }).preDelete).toBe(true);
    expect(defineService({ ...named, resourceTypes, preDelete: false }).preDelete).toBe(false);
  });
});
