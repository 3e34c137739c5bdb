import { EVERY_CLASS, StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';

/** The resources that the target project has at the start of {@link eachSimulation}. */
export const ALL_RESOURCES = {
  'booking.host': 2,
  'booking.lease': 2,
  'compute.server': 2,
  'network.port': 2,
  'vault.label': 2,
  'vault.secret': 2,
};

/**
 * Gives each test of the file a new cloud with services of every class. After the test, no other
 * project and no other user may have changed.
 */
export function eachSimulation(use: (simulation: StatefulSimulation) => void): void {
  let simulation: StatefulSimulation;
  beforeEach(() => {
    simulation = new StatefulSimulation(EVERY_CLASS);
    use(simulation);
  });
  afterEach(() => simulation.expectOthersUntouched());
}

/** The target project is enabled with all its resources, and the propagator has no role on it. */
export function expectUntouched(simulation: StatefulSimulation): void {
  expect(simulation.left()).toEqual(ALL_RESOURCES);
  expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
  expect([...simulation.cloud.roles]).toEqual([]);
}
