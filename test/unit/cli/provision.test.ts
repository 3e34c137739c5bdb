import { createApi } from '../../../lib/api/api.ts';
import { apiAccess } from '../../api-tokens.ts';
import { ProvisionSimulation, TARGET } from '../../property/provision-simulation.ts';
import { clientOfAnn, typeLine } from './type-line.ts';

let simulation: ProvisionSimulation;
beforeEach(() => {
  simulation = new ProvisionSimulation({ cores: 20, networks: ['default'] });
});

function type(line: string) {
  const { deps, engine } = simulation;
  const app = createApi({ ...deps, ...apiAccess, health: () => ({ ok: true }) });
  const client = clientOfAnn(async (url, init) => app.request(url, init));
  return typeLine(line, { client, now: () => engine.time });
}

describe('project provision', () => {
  it('prints the resources that it would create, and changes nothing', async () => {
    expect(await type(`project provision ${TARGET} --plan`)).toEqual({
      code: 0,
      out: `target, profile p
  + nets.quota cores (one): 10 -> 20
  + nets.network default (one): default
  + nets.subnet default (one): default
Plan: 3 to create, 0 to change, 0 left for a person. Nothing is deleted.
`,
      err: '',
    });
    expect(simulation.writes).toBe(0);
    const { out } = await type(`project provision ${TARGET} --plan -f json`);
    expect(JSON.parse(out)).toMatchObject({
      profile: 'p',
      services: [
        { service: 'nets', region: 'one', items: [{ name: 'cores', state: 'missing' }, {}, {}] },
      ],
    });
  });

  it('provisions a project, and refuses a second one while the first is under way', async () => {
    const first = await type(`project provision ${TARGET}`);
    expect(first).toMatchObject({ code: 0, out: expect.stringMatching(/^op-\w+ begins/) });
    expect((await type(`project provision ${TARGET}`)).err).toMatch(
      /another provision or a cleanup of the project is running/,
    );
    await simulation.settle();
    expect(simulation.stateOf(TARGET)).toEqual(simulation.wanted);
    const [id = ''] = first.out.split(' ');
    expect((await type(`operation show ${id}`)).out).toMatch(/TYPE +FOUND +READY +LEFT/);
  });

  it('names the profile that the policy lacks', async () => {
    const { code, err } = await type(`project provision ${TARGET} --plan --profile big`);
    expect(code).toBe(1);
    expect(err).toContain('the policy has no profile "big"');
  });
});

describe('project drift', () => {
  it('compares every provisioned project with its profile', async () => {
    expect((await type('project drift')).out).toBe('No project was provisioned.\n');
    await simulation.ask();
    await simulation.settle();
    expect(await type('project drift')).toEqual({
      code: 0,
      out: 'target, profile p: as the profile says\n',
      err: '',
    });
    simulation.cores.set(TARGET, 15);
    expect(await type(`project drift ${TARGET}`)).toEqual({
      code: 3,
      out: 'target, profile p\n  ~ nets.quota cores (one): 15 -> 20\n',
      err: '',
    });
  });
});
