import * as z from 'zod';
import { ResourceTypeName, ServiceName, TaskId } from './ids.ts';

/**
 * `required`: the dependent waits until the dependency has ended. `preferred`: the dependent waits
 * only while the dependency makes progress.
 */
export const Strength = z.enum(['required', 'preferred']);
export type Strength = z.infer<typeof Strength>;

/**
 * A dependency of one service on another. `done`: the other service has ended. `empty`: a listing
 * showed no resource of one type of the other service; the rest of that service may still run.
 */
export const ServiceDependency = z.union([
  z.object({ service: ServiceName, strength: Strength, until: z.literal('done') }),
  z.object({ type: ResourceTypeName, strength: z.literal('preferred'), until: z.literal('empty') }),
]);
export type ServiceDependency = Readonly<z.infer<typeof ServiceDependency>>;

/** A dependency of one task of an operation on another, as the operation saves it. */
export const TaskDependency = z.union([
  z.looseObject({
    task: TaskId,
    strength: Strength,
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
      readonly strength: Strength;
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
 * The name for all other services in a dependency. A service that is cleaned up last depends on it.
 * Two services that depend on all others do not depend on each other.
 */
export const EVERY_OTHER = '*';
