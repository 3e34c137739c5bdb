import { createColors } from 'picocolors';
import { OperationDue } from '../../../events/operation.ts';
import { OperationShape } from '../../../lib/cli/shapes.ts';
import { showOperation } from '../../../lib/cli/show/operation.ts';
import { Policy } from '../../../lib/policy/schema.ts';
import { DOMAIN, DomainRecoverySimulation } from '../../property/domain-recovery-simulation.ts';
import { keystoneAway } from '../../property/simulation-parts.ts';
import { CONTROL, SIBLING, TARGET } from '../../property/suspend-simulation.ts';

const DAY = 86_400;
const HOUR_MILLIS = 3_600_000;

let simulation: DomainRecoverySimulation;
let before: ReturnType<typeof shownState>;
beforeEach(() => {
  simulation = new DomainRecoverySimulation(['on', 'off']);
  before = shownState();
});
afterEach(() => {
  expect(simulation.shown(CONTROL)).toEqual(before.control);
  expect([...simulation.roles]).toEqual([]);
});

const shownState = () => ({
  projects: structuredClone([...simulation.projects]),
  domains: [...simulation.domains],
  target: simulation.shown(TARGET),
  sibling: simulation.shown(SIBLING),
  control: simulation.shown(CONTROL),
});
const asSuspended = (machines: typeof before.target) =>
  machines.map((one) => (one.state === 'on' ? { ...one, state: 'off', bySuspension: true } : one));

/** Delivers until the suspension of the window has ended. */
async function untilSuspended(): Promise<void> {
  const isSuspended = () =>
    simulation
      .operations('suspend')
      .some(({ scope, endedAt }) => scope.type === 'domain' && endedAt !== undefined);
  expect(await simulation.until(isSuspended)).toBe(true);
}
const requestDeletion = async (
  seconds = 30 * DAY,
  remind: readonly number[] = [],
): Promise<void> => {
  expect(await simulation.requestDomainDeletion(seconds, remind)).toMatchObject({ status: 202 });
};
const shownOperation = async () => {
  const { json } = await simulation.request('GET', `/v1/operations/${simulation.cleanup?.id}`);
  return json as { operation: { state: string }; waitsOn: { on: string; advice?: string }[] };
};

describe('the deletion of a domain with a recovery window', () => {
  it('disables the domain, suspends its projects by the policy, and removes nothing', async () => {
    const answer = await simulation.requestDomainDeletion(30 * DAY);
    expect(answer?.json.recoverableUntil).toBe(
      (simulation.cleanup?.openedAt ?? 0) + 30 * DAY * 1000,
    );
    await untilSuspended();
    expect(simulation.domains.get(DOMAIN)).toBe(false);
    expect(simulation.shown(TARGET)).toEqual(asSuspended(before.target));
    expect(simulation.shown(SIBLING)).toEqual(asSuspended(before.sibling));
    expect([...simulation.projects]).toEqual(before.projects);
    expect(simulation.cleanup).toMatchObject({ state: 'recoverable', children: [] });
    expect((await shownOperation()).waitsOn).toMatchObject([
      { on: expect.stringContaining('the domain is disabled, and recoverable until') },
    ]);
  });

  it('deletes the projects and the domain after its end', async () => {
    await requestDeletion();
    const begin = simulation.engine.time;
    await simulation.settle();
    expect(simulation.cleanup).toMatchObject({ state: 'finished', hold: undefined });
    expect(simulation.engine.time - begin).toBeGreaterThan(29 * DAY * 1000);
    expect([...simulation.projects.keys()]).toEqual([CONTROL]);
    expect(simulation.domains.has(DOMAIN)).toBe(false);
    expect([simulation.shown(TARGET), simulation.shown(SIBLING)]).toEqual([[], []]);
    expect(simulation.allHaveEnded).toBe(true);
  });

  it.each(['at once', 'later'])(
    'restores the former state when it is canceled %s',
    async (when) => {
      await requestDeletion();
      if (when === 'later') await untilSuspended();
      const path = `/v1/operations/${simulation.cleanup?.id}/cancel`;
      expect((await simulation.post(path, { reason: 'goes on' })).status).toBe(202);
      expect((await simulation.post(path, { reason: 'again' })).status).toBe(409);
      await simulation.settle();
      expect(simulation.cleanup).toMatchObject({
        state: 'canceled',
        hold: {
          reason: 'canceled by ann: goes on',
          advice: expect.stringContaining(`operation list --domain ${DOMAIN}`),
        },
      });
      expect(shownState()).toEqual(before);
      const shown = OperationShape.parse(await shownOperation());
      expect(showOperation(shown, [], simulation.engine.time, createColors(false))).toMatch(
        /window +of .*, was canceled\n/,
      );
      expect(await simulation.recordsOf(TARGET)).toEqual([]);
      expect(simulation.allHaveEnded).toBe(true);
    },
  );

  it('does not enable a project that was disabled before', async () => {
    await simulation.setProject(TARGET, false);
    await simulation.settle();
    const disabled = shownState();
    await requestDeletion();
    await untilSuspended();
    await simulation.cancel();
    await simulation.settle();
    expect(shownState()).toEqual(disabled);
    await simulation.setProject(TARGET, true);
    await simulation.settle();
    expect(shownState()).toEqual(before);
  });

  it('does not enable a domain that was disabled before', async () => {
    await simulation.setDomain(false);
    await simulation.settle();
    const disabled = shownState();
    await requestDeletion();
    await simulation.until(() => simulation.engine.time > 2 * HOUR_MILLIS + 1_000_000_000);
    expect(simulation.cleanup?.state).toBe('recoverable');
    expect(shownState()).toEqual(disabled);
    await simulation.cancel();
    await simulation.settle();
    expect(shownState()).toEqual(disabled);
  });

  it('resumes the resources that it suspended, although the policy resumes nothing', async () => {
    simulation.policy = Policy.parse({
      version: 1,
      rules: [
        {
          on: {
            'project.disabled': { action: 'suspend', mode: 'enforce' },
            'project.enabled': { action: 'none' },
          },
        },
      ],
    });
    await requestDeletion();
    await untilSuspended();
    expect(simulation.shown(TARGET)).toEqual(asSuspended(before.target));
    await simulation.cancel();
    await simulation.settle();
    expect(shownState()).toEqual(before);
  });

  it('begins to remove immediately when it is released', async () => {
    await requestDeletion();
    await untilSuspended();
    const begin = simulation.engine.time;
    expect((await simulation.release()).status).toBe(202);
    await simulation.until(() => simulation.cleanup?.state === 'finished');
    expect(simulation.domains.has(DOMAIN)).toBe(false);
    expect(simulation.engine.time - begin).toBeLessThan(HOUR_MILLIS);
  });

  it('removes nothing of a domain that was enabled again, until it is disabled', async () => {
    await requestDeletion(600);
    await untilSuspended();
    await simulation.setDomain(true);
    await simulation.until(() => simulation.cleanup?.hold?.about === 'enabled');
    expect(simulation.cleanup?.hold?.advice).toContain('openstack domain set --disable');
    expect([...simulation.projects]).toEqual(before.projects);
    await simulation.setDomain(false);
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('finished');
    expect(simulation.domains.has(DOMAIN)).toBe(false);
  });

  it('cleans up immediately when another client deletes the domain in Keystone', async () => {
    await requestDeletion();
    await untilSuspended();
    const begin = simulation.engine.time;
    await simulation.deleteDomain();
    await simulation.until(() => simulation.cleanup?.state === 'finished');
    expect(simulation.cleanup?.state).toBe('finished');
    expect([simulation.shown(TARGET), simulation.shown(SIBLING)]).toEqual([[], []]);
    expect(simulation.engine.time - begin).toBeLessThan(HOUR_MILLIS);
    await simulation.settle();
    expect(simulation.allHaveEnded).toBe(true);
  });

  it('waits at its end for a hold on the domain, and can still be canceled during this wait', async () => {
    await requestDeletion(600);
    await simulation.request('POST', '/v1/holds', { domain: DOMAIN, reason: 'lawsuit' });
    const isHeld = () => simulation.cleanup?.hold?.reason.includes('lawsuit') === true;
    expect(await simulation.until(isHeld)).toBe(true);
    expect(simulation.domains.get(DOMAIN)).toBe(false);
    expect([...simulation.projects]).toEqual(before.projects);
    expect((await simulation.cancel()).status).toBe(202);
    await simulation.settle();
    expect(shownState()).toEqual(before);
  });

  it('is refused for a domain with a protected project, because users of the project need the domain', async () => {
    const { deps } = simulation;
    const protectedIds = { projects: [SIBLING], domains: [] };
    const protection = async () => ({ ...protectedIds, ownProject: 'cleaner' });
    Object.defineProperty(simulation, 'deps', { value: { ...deps, protectedIds, protection } });
    expect(await simulation.requestDomainDeletion(DAY)).toMatchObject({
      status: 409,
      json: { error: { message: expect.stringContaining('disables the whole domain') } },
    });
    expect(shownState()).toEqual(before);
  });

  it('resumes a project whose cleanup never opened because a project below it stays', async () => {
    class Tree extends DomainRecoverySimulation {
      override get deps() {
        const deps = super.deps;
        const { keystone } = deps.cloud;
        const projects: typeof keystone.projects = async (domain) =>
          (await keystone.projects(domain)).map((one) =>
            one.id === SIBLING ? { ...one, parentId: TARGET } : one,
          );
        return { ...deps, cloud: { ...deps.cloud, keystone: { ...keystone, projects } } };
      }
    }
    simulation = new Tree(['on', 'off']);
    await requestDeletion(600);
    await untilSuspended();
    const below = () => simulation.cleanupOf(SIBLING);
    await simulation.until(() => below() !== undefined);
    const path = `/v1/operations/${below()?.id}/cancel`;
    expect(await simulation.post(path, { reason: 'keep it' })).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('unverified');
    expect(simulation.cleanupOf(TARGET)).toBeUndefined();
    expect(shownState()).toEqual(before);
    expect(simulation.allHaveEnded).toBe(true);
  });

  it('names the domain when a project waits because its domain was disabled', async () => {
    await requestDeletion(600);
    await untilSuspended();
    const project = () => simulation.cleanupOf(SIBLING);
    expect(await simulation.until(() => project()?.state === 'pre-delete')).toBe(true);
    await simulation.setDomain(false);
    await simulation.until(() => project()?.hold !== undefined);
    expect(project()).toMatchObject({
      hold: { advice: expect.stringContaining(`openstack domain set --enable ${DOMAIN}`) },
    });
    await simulation.setDomain(true);
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('finished');
  });

  it('restores the former state when the domain is protected before its end', async () => {
    await requestDeletion(600);
    await untilSuspended();
    const { deps } = simulation;
    const protectedIds = { projects: [], domains: [DOMAIN] };
    const protection = async () => ({ ...protectedIds, ownProject: 'cleaner' });
    Object.defineProperty(simulation, 'deps', { value: { ...deps, protectedIds, protection } });
    await simulation.settle();
    expect(simulation.cleanup).toMatchObject({
      state: 'refused',
      hold: { reason: expect.stringContaining('protected') },
    });
    expect(shownState()).toEqual(before);
    expect(simulation.allHaveEnded).toBe(true);
  });

  it.each([
    ['the domain', { domain: DOMAIN }, true],
    ['tags of projects', { domain: DOMAIN, tags: ['trial'] }, false],
  ])('follows from a rule of the policy about %s', async (_, match, hasWindow) => {
    simulation.policy = Policy.parse({
      version: 1,
      rules: [{ match, deletion: { recoverFor: '30d', remind: ['1d'] } }],
    });
    const { id, digest } = (await simulation.plan()) ?? {};
    const path = `/v1/operations/${id}/approve`;
    expect(await simulation.request('POST', path, { digest })).toMatchObject({ status: 202 });
    expect(simulation.cleanup?.recovery?.lengthMillis).toBe(
      hasWindow ? 30 * DAY * 1000 : undefined,
    );
  });

  it('publishes each reminder once, with the domain', async () => {
    const published: unknown[] = [];
    const { commit } = simulation.engine;
    simulation.engine.commit = async (change) => {
      const done = await commit.call(simulation.engine, change);
      const due = (change.messages ?? []).filter(({ type }) => type === 'operation.due');
      if (done === 'committed') published.push(...due);
      return done;
    };
    await requestDeletion(30 * DAY, [DAY, 7 * DAY]);
    const { id, notBefore } = simulation.cleanup ?? {};
    await simulation.settle();
    expect(published).toEqual(
      [7 * DAY, DAY].map((beforeSeconds) => ({
        type: 'operation.due',
        data: { operationId: id, domain: DOMAIN, endsAt: notBefore, beforeSeconds, name: 'shop' },
      })),
    );
    for (const one of published) expect(OperationDue.safeParse(one).success).toBe(true);
  });
});

describe('the deletion of a domain that is canceled while a message is on its way', () => {
  const cleanups = () =>
    simulation.operations('cleanup').filter(({ scope }) => scope.type === 'project');
  async function cancel(): Promise<void> {
    expect(await simulation.cancel()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('canceled');
    expect(simulation.domains.has(DOMAIN)).toBe(true);
    expect(simulation.engine.waiting).toEqual([]);
  }

  it('keeps the domain when the end of its last project is not handled yet', async () => {
    await requestDeletion(0);
    const haveAllEnded = () =>
      simulation.cleanup?.state === 'waiting' &&
      simulation.cleanup.keystoneAction?.done === true &&
      cleanups().every(({ endedAt }) => endedAt !== undefined);
    expect(await simulation.until(haveAllEnded)).toBe(true);
    await cancel();
    expect(simulation.cleanup?.hold?.advice).toContain('The domain itself stays.');
  });

  it('keeps the projects when the last report of a project is not handled yet', async () => {
    await requestDeletion(0);
    const isLast = () =>
      cleanups().some(({ id, state }) => {
        const isAbout = ({ operationId, endedAt }: { operationId: string; endedAt?: unknown }) =>
          operationId === id && endedAt === undefined;
        const open = [...simulation.engine.tasks.values()].filter(isAbout);
        return (
          state === 'running' &&
          open.length === 1 &&
          simulation.engine.waiting.some(
            ({ message }) => message.type === 'service.finished' && message.data.operationId === id,
          )
        );
      });
    expect(await simulation.until(isLast)).toBe(true);
    expect([...simulation.projects.keys()]).toEqual(before.projects.map(([id]) => id));
    await cancel();
    expect([...simulation.projects.keys()]).toEqual(before.projects.map(([id]) => id));
    expect(cleanups().map(({ state }) => state)).toEqual(['canceled', 'canceled']);
    expect(simulation.cleanup?.hold?.advice).toContain('No project is deleted yet.');
  });
});

describe('a recovery window of a domain that is stopped before Keystone is told to disable the domain', () => {
  /** The stop switch holds the call back, and a person disables the domain. */
  async function disabledMeanwhile(): Promise<void> {
    const plan = await simulation.plan();
    await simulation.post('/v1/stop-all', { reason: 'incident' });
    const { id, digest } = plan ?? {};
    const body = { digest, recoverForSeconds: DAY, remindBeforeSeconds: [] };
    await simulation.request('POST', `/v1/operations/${id}/approve`, body);
    await simulation.until(() => simulation.cleanup?.hold !== undefined);
    expect(simulation.domains.get(DOMAIN)).toBe(true);
    await simulation.setDomain(false);
    await simulation.advance(20);
  }

  it('does not enable a domain that a person has disabled during the window', async () => {
    await disabledMeanwhile();
    expect(await simulation.cancel()).toMatchObject({ status: 202 });
    expect(await simulation.until(() => simulation.cleanup?.state === 'canceled')).toBe(true);
    await simulation.advance(60);
    expect(simulation.domains.get(DOMAIN)).toBe(false);
  });

  it('opens no resume after the cancellation, because the domain stays disabled', async () => {
    await disabledMeanwhile();
    await simulation.post('/v1/resume-all', { reason: 'over' });
    await untilSuspended();
    expect(await simulation.cancel()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('canceled');
    expect(simulation.operations('resume')).toEqual([]);
    expect(simulation.shown(TARGET)).toEqual(asSuspended(before.target));
    expect(simulation.domains.get(DOMAIN)).toBe(false);
  });

  it('does not enable such a domain even if the first call to disable it had no answer', async () => {
    let failures = 1;
    class NoAnswer extends DomainRecoverySimulation {
      override get deps() {
        const deps = super.deps;
        const { domainAdmin } = deps.cloud;
        const disable: typeof domainAdmin.disable = async (domain) => {
          failures -= 1;
          if (failures >= 0) throw keystoneAway();
          return domainAdmin.disable(domain);
        };
        return { ...deps, cloud: { ...deps.cloud, domainAdmin: { ...domainAdmin, disable } } };
      }
    }
    simulation = new NoAnswer(['on', 'off']);
    await disabledMeanwhile();
    await simulation.post('/v1/resume-all', { reason: 'over' });
    const isDone = () => simulation.cleanup?.keystoneAction?.done === true;
    expect(await simulation.until(isDone)).toBe(true);
    expect(failures).toBeLessThan(1);
    expect(await simulation.cancel()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('canceled');
    expect(simulation.domains.get(DOMAIN)).toBe(false);
  });

  it('does not enable the project at the end of the window either', async () => {
    await disabledMeanwhile();
    await simulation.post('/v1/resume-all', { reason: 'over' });
    let wasEnabled = false;
    await simulation.until(() => {
      wasEnabled ||= simulation.domains.get(DOMAIN) === true;
      return simulation.allHaveEnded;
    }, 2000);
    expect(wasEnabled).toBe(false);
    expect(simulation.cleanup?.state).toBe('finished');
    expect(simulation.domains.has(DOMAIN)).toBe(false);
  });
});
