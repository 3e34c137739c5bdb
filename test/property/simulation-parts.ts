import type { Message } from '../../events/index.ts';
import type { SteppedEngine } from '../../lib/engine/memory/stepped.ts';
import type { Delivery } from '../../lib/engine/port.ts';
import { type CoordinateDeps, coordinate } from '../../lib/handlers/coordinate.ts';
import { runTask } from '../../lib/handlers/task.ts';
import type { TaskDeps } from '../../lib/handlers/task-deps.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import { PropagatorError } from '../../lib/shared/errors.ts';
import type { Service, ServiceApi } from '../../lib/task/service.ts';
import { registryWith } from '../registries.ts';

export type SimulationDeps = CoordinateDeps & TaskDeps;

/** The limits of a simulated propagator. */
export const LIMITS = {
  confirmationIntervalMillis: 2000,
  stallTimeoutMillis: 3_600_000,
  maxWaitMillis: 3_600_000,
  maxAttempts: 5,
  maxResourcesPerOperation: 1000,
  maxOperationsPerHour: 100,
};

/** A propagator in mode enforce that protects only its own project. Its clock is the engine's. */
export const simulationDeps = (
  engine: SteppedEngine,
  cloud: Cloud,
  services: readonly Service[],
): SimulationDeps => ({
  engine,
  cloud,
  services,
  mode: 'enforce',
  gracePeriodMillis: 0,
  confirmationIntervalMillis: LIMITS.confirmationIntervalMillis,
  protectedIds: { projects: [], domains: [] },
  protection: async () => ({ projects: [], domains: [], ownProject: 'cleaner' }),
  limits: LIMITS,
  optedInServices: [],
  httpPlugins: [],
  concurrency: {},
  budgetMillis: 60_000,
  progressMillis: 400,
  now: () => engine.time,
});

/** Hands one message to the function that it is routed to. */
export async function handleMessage(message: Message, deps: SimulationDeps): Promise<void> {
  const deliveries: Delivery[] = [{ message, receiveCount: 1 }];
  if (message.type !== 'service.requested') return coordinate(deliveries, deps);
  const service = deps.services.find((one) => one.name === message.data.service);
  if (service) await runTask(service, deliveries, deps);
}

const unused = () => Promise.reject(new Error('the simulation answers no such call'));

/** The API of a service whose resource types make no request. */
export const apiStub = (
  service: string,
  { region = 'one', endpoint = '', ownProject = 'cleaner' } = {},
): ServiceApi => ({ service, region, endpoint, ownProject, request: unused, list: unused });

/**
 * A cloud with these services in one region. It refuses every call that it does not need: a
 * simulation replaces the calls that its tests make.
 */
export const cloudStub = (services: readonly Service[]): Cloud => ({
  keystone: {
    show: unused,
    eachPage: unused,
    projects: unused,
    domains: unused,
    users: unused,
    members: unused,
    groupMembers: unused,
  },
  projectAdmin: {
    missingRoles: async () => [],
    assignRoles: unused,
    revokeRoles: unused,
    disable: unused,
    enable: unused,
    delete: unused,
    checkDeletion: async () => ({ refusals: [], unknown: [] }),
  },
  domainAdmin: { contents: unused, disable: unused, enable: unused, delete: unused },
  validateToken: async () => undefined,
  ownProject: async () => ({ id: 'cleaner', name: 'cleaner', domainId: 'default' }),
  ownUser: async () => ({ id: 'cleaner-user', domainId: 'default' }),
  registry: async () => registryWith(services.map(({ name }) => name)),
  missingAccess: async () => undefined,
  api: async ({ name }) => apiStub(name),
  close: async () => {},
});

/** The error of a Keystone that does not answer. */
export const keystoneAway = () =>
  new PropagatorError({
    code: 'keystone.http.503',
    class: 'Transient',
    message: 'away',
    advice: 'Wait.',
  });
