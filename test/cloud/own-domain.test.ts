import * as z from 'zod';
import { type RehearsalCloud, startCloud } from './cloud.ts';
import { startPropagator } from './propagator.ts';

/** The cloud with the login of a new user of `domain`, who has the role admin on `project`. */
function loggedInFrom(cloud: RehearsalCloud, domain: string, project: string): RehearsalCloud {
  const user = cloud.seed.makeUser(domain, 'propagator');
  cloud.seed.grant({ user }, project, 'admin');
  const credentials = {
    OS_AUTH_URL: cloud.url,
    OS_REGION_NAME: cloud.credentials.OS_REGION_NAME ?? '',
    OS_IDENTITY_API_VERSION: '3',
    OS_USER_ID: user,
    OS_PASSWORD: cloud.state.identity.users.get(user)?.password ?? '',
    OS_PROJECT_ID: project,
  };
  return { ...cloud, credentials };
}

it.each([
  ['user', 'the user of the propagator belongs to this domain'],
  ['project', 'the project of the propagator belongs to this domain'],
] as const)(
  "refuses to plan the deletion of the domain of the propagator's own %s",
  async (own, because) => {
    const cloud = await startCloud();
    const automation = cloud.seed.makeDomain('automation');
    const elsewhere = cloud.seed.makeDomain('elsewhere');
    const project = cloud.seed.makeProject(own === 'user' ? elsewhere : automation, 'cleaner');
    const login = loggedInFrom(cloud, own === 'user' ? automation : elsewhere, project);
    const { client, stop } = await startPropagator(login, { PROPAGATOR_SWEEP: '0s' });
    try {
      const plan = (domain: string) =>
        client.post(`/v1/domains/${domain}/plan`, {}, z.object({ opened: z.string() }));
      await expect(plan(automation)).rejects.toMatchObject({
        message: expect.stringContaining(because),
      });
      expect(cloud.state.identity.projects.get(automation)?.enabled).toBe(true);
      const customer = cloud.seed.makeDomain('customer');
      expect((await plan(customer)).opened).toMatch(/^op-/);
    } finally {
      await stop();
      await cloud.close();
    }
  },
  300_000,
);
