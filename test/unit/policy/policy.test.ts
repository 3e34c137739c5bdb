import { type AccountFacts, decideChange } from '../../../lib/policy/decide.ts';
import { readPolicy } from '../../../lib/policy/read.ts';
import { NO_POLICY, type Policy } from '../../../lib/policy/schema.ts';
import {
  chosenOptionNames,
  optionsWithLoss,
  QUOTA_SERVICES,
  SUSPEND_OPTIONS,
  ZERO_QUOTA,
} from '../../../lib/policy/suspend-options.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import { sectionSchemas } from '../../../lib/task/provision.ts';

const SECTIONS = sectionSchemas(SERVICES);
const facts = (parts: Partial<AccountFacts> = {}): AccountFacts => ({
  id: 'p1',
  name: 'shop-7',
  domainId: 'd1',
  domainName: 'customers',
  parentId: 'd1',
  tags: ['trial', 'eu'],
  ...parts,
});

function policyOf(text: string): Policy {
  const reading = readPolicy(text, SECTIONS);
  if (reading.kind === 'invalid') throw new TypeError(JSON.stringify(reading.problems));
  return reading.policy;
}

const EXAMPLE = `
version: 1
rules:
  - match: { domain: customers, tags: [trial] }
    on:
      project.disabled: { action: suspend, after: 15m, mode: enforce }
  - match: { domain: [d1, d2] }
    on:
      project.disabled: { action: none }
      project.enabled:  { action: resume, after: 1h, mode: observe }
suspend:
  nova: stop
  aodh: none
`;

describe('the policy file', () => {
  it('decides by the first rule that matches the project and names the change', () => {
    const policy = policyOf(EXAMPLE);
    expect(decideChange(policy, 'project.disabled', facts())).toEqual({
      action: 'suspend',
      afterMillis: 900_000,
      mode: 'enforce',
      rule: 1,
    });
    // The first rule matches as well, but does not name this change.
    expect(decideChange(policy, 'project.enabled', facts())).toEqual({
      action: 'resume',
      afterMillis: 3_600_000,
      mode: 'observe',
      rule: 2,
    });
    expect(decideChange(policy, 'project.disabled', facts({ tags: ['eu'] }))).toMatchObject({
      action: 'none',
      rule: 2,
    });
    const elsewhere = facts({ domainId: 'd3', domainName: 'internal' });
    expect(decideChange(policy, 'project.disabled', elsewhere)).toEqual({
      action: 'suspend',
      afterMillis: undefined,
      mode: 'observe',
      rule: undefined,
    });
    expect(policy.suspend).toEqual({
      aodh: 'none',
      octavia: 'down',
      swift: 'close',
      nova: 'stop',
      zun: 'stop',
      glance: 'none',
      neutron: 'none',
      trove: 'none',
      ironic: 'none',
      quotas: { nova: 'none', cinder: 'none', neutron: 'none', octavia: 'none', manila: 'none' },
    });
  });

  it.each([
    [{ domain: 'd1' }, true],
    [{ domain: 'customers' }, true],
    [{ domain: 'Customers' }, false],
    [{ parent: ['x', 'd1'] }, true],
    [{ parent: 'customers' }, false],
    [{ tags: ['trial', 'eu'] }, true],
    [{ tags: ['trial', 'us'] }, false],
    [{ name: 'shop-*' }, true],
    [{ name: 'shop-?' }, true],
    [{ name: 'shop-??' }, false],
    [{ name: 'shop.7' }, false],
    [{ name: 'shop' }, false],
    [{ domain: 'd1', name: 'x*' }, false],
    [{}, true],
  ])('matches %j: %j', (match, isMatch) => {
    const rule = { match, on: { 'project.disabled': { action: 'suspend', mode: 'enforce' } } };
    const policy = policyOf(JSON.stringify({ version: 1, rules: [rule] }));
    expect(decideChange(policy, 'project.disabled', facts()).rule === 1).toBe(isMatch);
  });

  it('is optional: without it the propagator only reports a disabled project', () => {
    expect(decideChange(NO_POLICY, 'project.disabled', facts())).toMatchObject({
      action: 'suspend',
      mode: 'observe',
    });
    expect(decideChange(NO_POLICY, 'project.enabled', facts())).toMatchObject({
      action: 'resume',
      mode: 'enforce',
    });
  });

  it('reports every error with its line', () => {
    const text = `version: 2
rules:
  - match: { domian: customers }
    on:
      project.disabled:
        action: suspend
        after: 15 minutes
      project.created: { action: provision }
  - on: { project.enabled: { action: suspend, mode: maybe } }
suspend:
  nova: hibernate
  cinder: off
  quotas: { nova: 0 }
`;
    expect(readPolicy(text, SECTIONS)).toEqual({
      kind: 'invalid',
      problems: [
        { line: 1, message: 'version: write version: 1' },
        { line: 3, message: 'rules.0.match: there is no field "domian"' },
        {
          line: 7,
          message:
            'rules.0.on.project.disabled.after: write a number and a unit: 90s, 30m, 12h, 30d',
        },
        {
          line: 8,
          message:
            'rules.0.on.project.created: name the profile: { action: provision, profile: small }',
        },
        { line: 9, message: 'rules.1.on.project.enabled.action: write resume or none' },
        { line: 9, message: 'rules.1.on.project.enabled.mode: write observe or enforce' },
        { line: 11, message: 'suspend.nova: write stop, pause, shelve or none' },
        { line: 12, message: 'suspend: there is no field "cinder"' },
        { line: 13, message: 'suspend.quotas.nova: write zero or none' },
      ],
    });
  });

  it('only reports changes of users, and refuses another mode with the line of the rule', () => {
    const text = `version: 1
rules:
  - match: { domain: customers, tags: [trial] }
    on: { user.disabled: { action: suspend } }
  - on:
      user.disabled: { action: stop, after: 5m }
      user.enabled:
        action: resume
        mode: enforce
`;
    expect(readPolicy(text, SECTIONS)).toEqual({
      kind: 'invalid',
      problems: [
        { line: 6, message: 'rules.1.on.user.disabled.action: write suspend or none' },
        {
          line: 9,
          message:
            'rules.1.on.user.enabled.mode: write observe, or leave it out: resources of a user ' +
            'cannot be suspended',
        },
      ],
    });
    const [rule] = text.split('  - on:');
    const withParent = rule?.replace('tags: [trial]', 'tags: [trial], parent: d1');
    expect(readPolicy(withParent ?? '', SECTIONS)).toEqual({
      kind: 'invalid',
      problems: ['parent', 'tags'].map((part) => ({
        line: 3,
        message:
          `rules.0.match.${part}: users have no ${part}: write a separate rule for the changes ` +
          'of users',
      })),
    });
  });

  it('names the line of a field, not the line of its value', () => {
    const text = `version:
  2
rules:
  - on:
      project.disabled:
        action:
          stop
`;
    expect(readPolicy(text, SECTIONS)).toMatchObject({ problems: [{ line: 1 }, { line: 6 }] });
  });

  it('names the roles and groups of a new user, and reports every error with its line', () => {
    const text = `version: 1
rules:
  - match: { domain: customers }
    on:
      user.created:
        action: provision
        mode: enforce
        roles:
          - { role: member, project: shop }
          - { role: reader, domain: customers }
        groups: [staff]
  - on: { user.created: { action: provision } }
`;
    const wrong = text.replace('project: shop', 'projekt: shop').replace('[staff]', 'staff');
    expect(readPolicy(wrong, SECTIONS)).toMatchObject({
      problems: [
        { line: 9, message: 'rules.0.on.user.created.roles.0: there is no field "projekt"' },
        { line: 9, message: expect.stringMatching(/roles.0: name either a project or a domain: /) },
        { line: 11, message: 'rules.0.on.user.created.groups: write a list of names: [staff]' },
        {
          line: 12,
          message:
            'rules.1.on.user.created: name roles or groups: { action: provision, groups: [staff] }',
        },
      ],
    });
    const both = text.split('  - on:')[0]?.replace('project: shop', 'project: a, domain: b');
    expect(readPolicy(both ?? '', SECTIONS)).toEqual({
      kind: 'invalid',
      problems: [
        {
          line: 9,
          message:
            'rules.0.on.user.created.roles.0: name either a project or a domain: ' +
            '{ role: member, project: shop }',
        },
      ],
    });
    const policy = policyOf(text.split('  - on:')[0] ?? '');
    expect(decideChange(policy, 'user.created', facts({ tags: [] }))).toEqual({
      action: 'provision',
      afterMillis: undefined,
      mode: 'enforce',
      rule: 1,
      assignments: {
        roles: [
          { role: 'member', project: 'shop' },
          { role: 'reader', domain: 'customers' },
        ],
        groups: ['staff'],
      },
    });
    expect(decideChange(NO_POLICY, 'user.created', facts()).action).toBe('none');
  });

  it('decides about users by their domain and name', () => {
    const policy = policyOf(`
version: 1
rules:
  - match: { domain: customers, name: "svc-*" }
    on: { user.disabled: { action: none } }
  - on: { user.disabled: { action: suspend, after: 1h } }
`);
    const user = (name: string) => facts({ name, parentId: undefined, tags: [] });
    expect(decideChange(policy, 'user.disabled', user('svc-7'))).toMatchObject({
      action: 'none',
      rule: 1,
    });
    expect(decideChange(policy, 'user.disabled', user('ann'))).toEqual({
      action: 'suspend',
      afterMillis: 3_600_000,
      mode: 'observe',
      rule: 2,
    });
    expect(decideChange(NO_POLICY, 'user.enabled', user('ann'))).toMatchObject({
      action: 'resume',
      mode: 'observe',
    });
  });

  it('reports every error of a profile with its line', () => {
    const text = `version: 1
rules:
  - on: { project.created: { action: provision, profile: big, mode: enforce } }
profiles:
  small:
    nova:
      quota: { cores: many, corse: 1 }
      flavor: [x]
    novva: {}
`;
    expect(readPolicy(text, SECTIONS)).toEqual({
      kind: 'invalid',
      problems: [
        {
          line: 7,
          message: 'profiles.small.nova.quota.cores: write a whole number, or -1 for no limit',
        },
        { line: 7, message: 'profiles.small.nova.quota: there is no field "corse"' },
        { line: 8, message: 'profiles.small.nova: there is no field "flavor"' },
        { line: 9, message: 'profiles.small: there is no field "novva"' },
      ],
    });
    expect(readPolicy(`${text.split('    nova')[0]}    nova: {}`, SECTIONS)).toEqual({
      kind: 'invalid',
      problems: [
        {
          line: 3,
          message: 'rules.0.on.project.created.profile: there is no profile "big" under "profiles"',
        },
      ],
    });
  });

  it('decides about creations and deletions', () => {
    const policy = policyOf(`
version: 1
rules:
  - match: { tags: [trial] }
    on:
      project.created: { action: provision, profile: small, mode: enforce }
      project.deleted: { action: cleanup, after: 30m, mode: enforce }
profiles:
  small: { nova: { quota: { cores: 20 } } }
`);
    expect(decideChange(policy, 'project.created', facts())).toEqual({
      action: 'provision',
      afterMillis: undefined,
      mode: 'enforce',
      rule: 1,
      profile: 'small',
      reconcile: false,
    });
    expect(policy.profiles).toEqual({ small: { nova: { quota: { cores: 20 } } } });
    expect(decideChange(policy, 'project.created', facts({ tags: [] })).action).toBe('none');
    expect(decideChange(policy, 'project.deleted', facts())).toMatchObject({
      action: 'cleanup',
      afterMillis: 1_800_000,
    });
    expect(decideChange(policy, 'project.deleted', facts({ tags: [] }))).toEqual({
      action: 'cleanup',
      afterMillis: undefined,
      mode: 'enforce',
      rule: undefined,
    });
  });

  it.each([
    ['rules: [', 1],
    ['version: 1\nversion: 1\n', 2],
    ['version: 1\nrules:\n  - match: {}\n   on: {}\n', 4],
    ['', 1],
    ['- version: 1', 1],
  ])('is refused if its text is not a policy: %j', (text, line) => {
    expect(readPolicy(text, SECTIONS)).toMatchObject({ kind: 'invalid', problems: [{ line }] });
  });
});

describe('the options of a suspension', () => {
  const optionsOfServices = SERVICES.flatMap(({ name, suspension }) =>
    (suspension?.types ?? []).flatMap((type) =>
      (type(name).options ?? []).map((option) => `${name} ${option}`),
    ),
  );

  it('are the same in the policy file and in the service files', () => {
    const optionsOfPolicy = [
      ...Object.entries(SUSPEND_OPTIONS).flatMap(([name, { options }]) =>
        Object.keys(options).map((option) => `${name} ${option}`),
      ),
      ...QUOTA_SERVICES.map((name) => `${name} ${ZERO_QUOTA}`),
    ];
    expect([...new Set(optionsOfServices)].sort()).toEqual(optionsOfPolicy.sort());
  });

  it('name their disadvantage, unless they are the default', () => {
    for (const { default: defaultOption, options } of Object.values(SUSPEND_OPTIONS))
      for (const [name, option] of Object.entries(options))
        expect([name, 'loses' in option]).toEqual([name, name !== defaultOption]);
  });

  it('show the disadvantages of the chosen options', () => {
    const chosen = policyOf('version: 1\nsuspend: { nova: pause, quotas: { cinder: zero } }');
    expect(optionsWithLoss(chosen.suspend)).toEqual([
      expect.objectContaining({ text: 'nova: pause', loses: expect.stringContaining('memory') }),
      expect.objectContaining({ text: 'quotas.cinder: zero', loses: expect.any(String) }),
    ]);
    expect(optionsWithLoss(NO_POLICY.suspend)).toEqual([]);
    expect(chosenOptionNames('cinder', chosen.suspend)).toEqual([ZERO_QUOTA]);
    expect(chosenOptionNames('glance', chosen.suspend)).toEqual([]);
  });
});
