import * as z from 'zod';
import { ResourceTypeName, ServiceName, TaskId } from './ids.ts';

/**
 * How long a service waits for a service that it depends on. `required`: until that service has
 * ended. `preferred`: only while that service makes progress.
 */
export const DependencyStrength = z.enum(['required', 'preferred']);
export type DependencyStrength = z.infer<typeof DependencyStrength>;

/**
 * A dependency of one service on another. `until: 'done'`: the dependency is met when the other
 * service has ended. `until: 'empty'`: the dependency is met when a listing showed no resource of
 * `type`, although the other service may still remove resources of other types.
 */
export const ServiceDependency = z.union([
  z.object({ service: ServiceName, strength: DependencyStrength, until: z.literal('done') }),
  z.object({ type: ResourceTypeName, strength: z.literal('preferred'), until: z.literal('empty') }),
]);
export type ServiceDependency = Readonly<z.infer<typeof ServiceDependency>>;

/** A dependency of one task of an operation on another task, as stored in the operation. */
export const TaskDependency = z.union([
  z.looseObject({
    task: TaskId,
    strength: DependencyStrength,
    until: z.literal('done'),
    independentTypes: z.array(ResourceTypeName).exactOptional(),
  }),
  z.looseObject({
    task: TaskId,
    strength: z.literal('preferred'),
    until: z.literal('empty'),
    types: z.array(ResourceTypeName),
  }),
]);
export type TaskDependency =
  | {
      readonly task: TaskId;
      readonly strength: DependencyStrength;
      readonly until: 'done';
      /** Types of the dependent task that may be removed before the other task has ended. */
      readonly independentTypes?: readonly ResourceTypeName[];
    }
  | {
      readonly task: TaskId;
      readonly strength: 'preferred';
      readonly until: 'empty';
      readonly types: readonly ResourceTypeName[];
    };

/**
 * The name in a dependency that stands for all other services. A service with this dependency is
 * cleaned up last. Two services with this dependency do not depend on each other.
 */
export const EVERY_OTHER = '*';
