import type { ServiceDependencies, ServiceDependents } from '../lib/task/dependencies.ts';
import type { Service } from '../lib/task/service.ts';

/** A dependency that is waited for in any case, until these services have ended. */
export const required = (...services: string[]): ServiceDependents & ServiceDependencies => ({
  services,
  strength: 'required',
  until: 'done',
});

/** A dependency that is waited for while it makes progress, until these services have ended. */
export const preferred = (...services: string[]): ServiceDependents & ServiceDependencies => ({
  services,
  strength: 'preferred',
  until: 'done',
});

/** A dependency on some resource types of other services alone. */
export const awaited = (...types: string[]): ServiceDependencies => ({
  types,
  strength: 'preferred',
  until: 'empty',
});

/** The names of the services that a service file declares as its dependents. */
export const dependentsOf = ({ dependents }: Pick<Service, 'dependents'>): string[] =>
  dependents.map(({ service }) => service);
