import { DOMAIN, DomainSimulation, WITH_SECRETS } from '../../property/domain-simulation.ts';

/** The domain of the current test. */
export let simulation: DomainSimulation;

/** Replaces the domain with an empty one, in a cloud with secrets that only a project token lists. */
export function useDomainWithSecrets(): void {
  simulation = new DomainSimulation(WITH_SECRETS);
}

export const approveNewPlan = async (): Promise<void> => {
  expect(await simulation.approve(await simulation.plan())).toMatchObject({ status: 202 });
};

export const projectsLeft = (): string[] =>
  [...simulation.cloud.projects].flatMap(([id, { domainId }]) => (domainId === DOMAIN ? [id] : []));

/** Gives each test of the file a domain with four projects. No other domain may have changed. */
export function eachDomain(): void {
  beforeEach(() => {
    simulation = new DomainSimulation();
    simulation.project('root');
    simulation.project('middle', { parentId: 'root' });
    simulation.project('leaf', { parentId: 'middle', enabled: false });
    simulation.project('single');
  });
  afterEach(() => {
    simulation.expectOthersUntouched();
  });
}
