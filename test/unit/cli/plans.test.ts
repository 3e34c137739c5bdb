import { createApi } from '../../../lib/api/api.ts';
import { OperationShape } from '../../../lib/cli/shapes.ts';
import { liveView, watchLine } from '../../../lib/cli/show/watch.ts';
import { apiAccess } from '../../api-tokens.ts';
import { DOMAIN, DomainSimulation } from '../../property/domain-simulation.ts';
import { EVERY_CLASS, StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';
import { plain } from './samples.ts';
import { clientOfAnn, typeLine } from './type-line.ts';

/**
 * A command line that calls the API of a simulation. Time passes in the simulation while a command
 * waits. `answer`: the answer to each question. Without `answer` there is no terminal.
 */
function commandLine(simulation: StatefulSimulation, answer?: string) {
  const urls: string[] = [];
  const send = async (url: string, init: RequestInit) => {
    urls.push(url);
    // The event streams of the API use the real clock, so the operation ends before the command
    // reads it.
    if (url.endsWith('/events')) await simulation.settle();
    const { approvalRules, deps } = simulation;
    const rules = approvalRules ? { approvalRules } : {};
    const app = createApi({ ...deps, ...rules, ...apiAccess, health: () => ({ ok: true }) });
    return app.request(url, init);
  };
  const client = clientOfAnn(send);
  const questions: string[] = [];
  const ask = async (question: string) => {
    questions.push(question);
    return answer ?? '';
  };
  const type = (line: string) =>
    typeLine(line, {
      client,
      now: () => simulation.engine.time,
      ...(answer === undefined ? {} : { ask }),
      sleep: () => simulation.settle(),
    });
  return { type, questions, urls };
}

describe('propagator project plan', () => {
  it('shows counts, the types that are removed without a listing, the digest and the command to approve', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    const { type } = commandLine(simulation);
    const { code, out } = await type(`project plan ${TARGET} --resources`);
    expect(code).toBe(0);
    const [, id] = /(op-[0-9a-f]{12}) {2}plan: delete project shop \(target\)/.exec(out) ?? [];
    expect(out).toMatch(/compute +one +compute\.server +2\n/);
    expect(out).toContain('10 resources will be removed.');
    expect(out).toMatch(/compute\.server +one +target-0 +-\n/);
    expect(out).toContain('- vault.secret in one');
    expect(out).toMatch(
      new RegExp(`approve +propagator operation approve ${id} --digest [0-9a-f]{64}`),
    );
    expect(simulation.left()).toHaveProperty(['compute.server'], 2);
    const shown = await type(`operation show ${id}`);
    expect(shown).toMatchObject({ code: 0, out: expect.stringContaining('plan of project shop') });
  });

  it('prints the digest for a script, which approves it', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    const { type } = commandLine(simulation);
    const { out: digest } = await type(`project plan ${TARGET} -f value -c Digest`);
    expect(digest).toMatch(/^[0-9a-f]{64}\n$/);
    expect(await type(`project delete ${TARGET} --yes`)).toMatchObject({ code: 64 });
    expect(await type(`project delete ${TARGET} --yes --digest ${'0'.repeat(64)}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('you read another plan'),
    });
    expect(await type(`project delete ${TARGET} --yes --digest ${digest.trim()}`)).toMatchObject({
      code: 0,
      out: expect.stringContaining('carries out'),
    });
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});

describe('propagator project delete on a terminal', () => {
  it('plans, asks for the name, carries the plan out, and follows it to the end', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    const { type, questions } = commandLine(simulation, 'shop');
    const { code, out } = await type(`project delete ${TARGET} --reason left`);
    expect(questions).toEqual([expect.stringContaining('(shop)')]);
    expect(out).toContain('10 resources will be removed.');
    expect(out).toMatch(/Z finished: 12 of 12 removed, 0 left\n\n\S*op-[0-9a-f]{12}/);
    expect(code).toBe(0);
    expect(simulation.left()).toEqual({});
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
    simulation.expectOthersUntouched();
  });

  it('stops following the operation at a hold, and shows the reason', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    simulation.cloud.moreTypes.push('rating');
    const { type } = commandLine(simulation, 'shop');
    const { code, out } = await type(`project delete ${TARGET}`);
    expect(code).toBe(3);
    expect(out).toMatch(/Z held: .*\n\n\S*op-[0-9a-f]{12}/);
    expect(out).toContain('rating');
    expect(simulation.cloud.projects.has(TARGET)).toBe(true);
  });

  it('shows a waived type as waived at the end of the operation', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    simulation.cloud.moreTypes.push('rating');
    const { type } = commandLine(simulation, 'shop');
    await type('waiver add rating --reason "only reads meters"');
    const { code, out } = await type(`project delete ${TARGET}`);
    const [, finalView = ''] = out.split(/Z finished: .*\n\n/);
    expect(code).toBe(0);
    expect(finalView).toMatch(/Waived\n- rating.*: by ann at .*: only reads meters/);
    expect(finalView).not.toContain('Not covered');
  });

  it('shows a waived type as waived when another type causes a hold', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    simulation.cloud.moreTypes.push('rating', 'backup');
    const { type } = commandLine(simulation, 'shop');
    await type('waiver add rating --reason "only reads meters"');
    const { code, out } = await type(`project delete ${TARGET}`);
    const [, finalView = ''] = out.split(/Z held: .*\n\n/);
    expect(code).toBe(3);
    expect(finalView).toMatch(/Waived\n- rating.*: by ann at .*: only reads meters/);
    expect(finalView).toMatch(/Not covered: [^\n]*\n\? backup/);
    expect(finalView).not.toContain('? rating');
  });

  it.each([
    ['another name', 'bank'],
    ['nothing', ''],
  ])('changes nothing when %s is typed', async (_, answer) => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    const { type } = commandLine(simulation, answer);
    expect(await type(`project delete ${TARGET}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('nothing was deleted'),
    });
    await simulation.settle();
    expect(simulation.engine.operations.size).toBe(1);
    expect(simulation.left()).toHaveProperty(['compute.server'], 2);
  });

  it('asks nothing when Keystone would refuse the deletion', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    simulation.cloud.projects.set('child', { name: 'child', enabled: false, parentId: TARGET });
    const { type, questions } = commandLine(simulation, 'shop');
    const { code, out } = await type(`project delete ${TARGET}`);
    expect(code).toBe(1);
    expect(out).toContain('Keystone would refuse the deletion\n! 1 project is below it');
    expect(questions).toEqual([]);
  });
});

describe('propagator operation show --resources', () => {
  it('lists the resources of a plan that another person made, and makes no new plan', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    const { type } = commandLine(simulation);
    const planAnswer = await type(`project plan ${TARGET} --resources`);
    const [, id] = /(op-[0-9a-f]{12}) {2}plan/.exec(planAnswer.out) ?? [];
    const { code, out } = await type(`operation show ${id} --resources`);
    expect({ code, out }).toEqual({ code: 0, out: planAnswer.out });
    expect(out).toMatch(/compute\.server +one +target-0 +-\n/);
    expect(await type(`operation show ${id}`)).toMatchObject({
      out: expect.stringContaining(`propagator operation show ${id} --resources`),
    });
    expect(await type(`operation show ${id} --resources -f value -c Resources`)).toMatchObject({
      out: '10\n',
    });
    expect(simulation.engine.operations.size).toBe(1);
  });

  it('prints the command with which each of two approvers reads the plan and its digest', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    simulation.approvalRules = {
      twoApprovers: { domain: false, resources: 5, tags: [] },
      drift: { resources: 10, percent: 5 },
    };
    const path = `/v1/projects/${TARGET}/plan`;
    const { opened } = (await simulation.call('POST', path, {}, 'bob')).body;
    await simulation.settle();
    const { type } = commandLine(simulation);
    const refusedAnswer = await type(`operation approve ${opened} --digest ${'0'.repeat(64)}`);
    const [, showCommand] =
      /propagator (operation show op-\w+ --resources)\n/.exec(refusedAnswer.err) ?? [];
    const { out } = await type(`${showCommand}`);
    const [, approveCommand] =
      /propagator (operation approve op-\w+ --digest \w+)\n/.exec(out) ?? [];
    expect(await type(`${approveCommand}`)).toMatchObject({
      code: 0,
      out: expect.stringContaining(`propagator operation show ${opened} --resources\n`),
    });
  });

  it('is refused for an operation that is no plan', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    const { type } = commandLine(simulation);
    await type(`project delete ${TARGET} --name shop --reason left`);
    const [id] = simulation.engine.operations.keys();
    expect(await type(`operation show ${id} --resources`)).toMatchObject({
      code: 64,
      err: expect.stringContaining('only a plan lists resources'),
    });
  });
});

describe('a deletion with a recovery window', () => {
  const scopes = [
    [
      'project',
      () => new StatefulSimulation(EVERY_CLASS),
      TARGET,
      'shop',
      'the project is disabled and suspended now.',
    ],
    [
      'domain',
      () => {
        const simulation = new DomainSimulation();
        simulation.project('root');
        return simulation;
      },
      DOMAIN,
      'Customer',
      'the domain is disabled now; its projects are suspended only as the policy file says.',
    ],
  ] as const;

  describe.each(scopes)('of a %s', (kind, create, id, name, changed) => {
    it('asks without a command to approve the plan, and describes the effect of the window', async () => {
      const { type, questions } = commandLine(create(), name);
      const { code, out } = await type(`${kind} delete ${id} --reason left --recover-for 30d`);
      expect({ code, questions: questions.length }).toEqual({ code: 0, questions: 1 });
      expect(out).toMatch(/\ndigest +[0-9a-f]{64}\n/);
      expect(out).not.toContain('operation approve');
      expect(out).toContain(`: ${changed}\nThe deletion is recoverable until `);
    });

    it('describes the effect of the window after the approval by a script; a plan names the option', async () => {
      const { type } = commandLine(create());
      const { out: plan } = await type(`${kind} plan ${id}`);
      expect(plan).toContain('Add --recover-for TIME for a recovery window.');
      const [, approveCommand] =
        /propagator (operation approve op-\w+ --digest \w+)/.exec(plan) ?? [];
      const { code, out } = await type(`${approveCommand} --recover-for 30d`);
      expect(code).toBe(0);
      expect(out).toContain(`: ${changed}\nThe deletion is recoverable until `);
    });

    it('prints after its cancellation that nothing was removed', async () => {
      const { type } = commandLine(create(), name);
      const { out } = await type(`${kind} delete ${id} --reason left --recover-for 30d`);
      const [, cancelCommand] = /propagator (operation cancel op-\w+)/.exec(out) ?? [];
      const answer = await type(`${cancelCommand} --reason needed`);
      expect(answer).toMatchObject({
        code: 0,
        out: expect.stringContaining(
          'Nothing was removed. If Keystone still has the account, its former state is restored',
        ),
      });
      expect(answer.out).not.toContain('what was removed');
    });
  });
});

describe('propagator domain', () => {
  const simulationOfDomain = (): DomainSimulation => {
    const simulation = new DomainSimulation();
    simulation.project('root');
    simulation.project('leaf', { parentId: 'root' });
    return simulation;
  };

  it('plan shows the projects in their order, with the digest of all', async () => {
    const simulation = simulationOfDomain();
    const { type } = commandLine(simulation);
    const { code, out } = await type(`domain plan ${DOMAIN}`);
    expect(code).toBe(0);
    expect(out).toMatch(/plan: delete domain Customer \(customer\)/);
    expect(out).toContain('First, each project is disabled');
    expect(out).toMatch(/leaf +name-leaf +root +2 +op-[0-9a-f]{12}\n/);
    expect(out.indexOf('name-leaf')).toBeLessThan(out.indexOf('name-root'));
    expect(out).toMatch(/keystone\.user +1\n/);
    expect(out).toContain('4 resources will be removed.');
    expect(simulation.cloud.events).toEqual([]);
  });

  it('delete asks for the name of the domain, and follows it to the end', async () => {
    const simulation = simulationOfDomain();
    const { type, questions } = commandLine(simulation, 'Customer');
    const { code } = await type(`domain delete ${DOMAIN} --reason left`);
    expect(questions).toEqual([expect.stringContaining('(Customer)')]);
    expect(code).toBe(0);
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(false);
    simulation.expectOthersUntouched();
  });

  it('watch shows each project with its state, and cancel ends the whole operation', async () => {
    const simulation = simulationOfDomain();
    await simulation.call('POST', '/v1/holds', { project: 'leaf', reason: 'lawsuit' });
    simulation.project('single');
    await simulation.approve(await simulation.plan());
    await simulation.settle(120);
    const { id } = simulation.domainOperation;
    const { type } = commandLine(simulation);
    const { body } = await simulation.call('GET', `/v1/operations/${id}`);
    const view = OperationShape.parse(body);
    const liveText = liveView(view, [], simulation.engine.time, plain);
    expect(liveText).toMatch(/name-leaf +op-\w+ +pre-delete +2 +0 +2\n/);
    expect(liveText).toMatch(/name-root +- +not begun +- +- +-\n/);
    expect(liveText).toMatch(/name-single +op-\w+ +finished +2 +2 +0\n/);
    expect(liveText).toContain('2 of 4 removed, 2 left');
    expect(liveText).toMatch(/project name-leaf \(op-\w+\): .*lawsuit/);
    expect(watchLine(view, [], 0)).toContain('1 of 3 projects ended');
    const withRefused = view.projects?.map((project) =>
      project.id === 'leaf' ? { ...project, state: 'refused' as const } : project,
    );
    expect(watchLine({ ...view, projects: withRefused }, [], 0)).toContain('2 of 3 projects ended');
    expect((await type(`operation show ${id}`)).out).toMatch(/name-single +op-\w+ +finished/);
    expect(await type(`operation cancel ${id} --reason needed`)).toMatchObject({ code: 0 });
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('canceled');
    expect(simulation.left('leaf')).toEqual({ 'compute.server': 1, 'network.port': 1 });
    expect(simulation.cloud.domains.get(DOMAIN)).toMatchObject({ enabled: true });
    simulation.expectOthersUntouched();
  });

  it('delete of a script needs the digest of the plan of the domain', async () => {
    const simulation = simulationOfDomain();
    const { type, urls } = commandLine(simulation);
    const { out: digest } = await type(`domain plan ${DOMAIN} -f value -c Digest`);
    expect(await type(`domain delete ${DOMAIN}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('needs the digest of a plan'),
    });
    expect(await type(`domain delete ${DOMAIN} --yes --digest ${digest.trim()}`)).toMatchObject({
      code: 0,
      out: expect.stringContaining('carries out'),
    });
    // The list also has the plan of each project, of which a domain may have 500.
    expect(urls).toContainEqual(expect.stringMatching(/operations\?domain=customer&limit=1000$/));
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
  });
});
