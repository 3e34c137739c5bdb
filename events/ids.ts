import * as z from 'zod';

/**
 * Ids as Keystone makes them: 32 or 64 hex digits, UUIDs, or words such as `default`.
 * Nothing else is let in, for an id ends up in URLs.
 */
const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'not an id of Keystone');

export const ProjectId = id.brand<'ProjectId'>();
export type ProjectId = z.infer<typeof ProjectId>;
export const DomainId = id.brand<'DomainId'>();
export type DomainId = z.infer<typeof DomainId>;
export const UserId = id.brand<'UserId'>();
export type UserId = z.infer<typeof UserId>;

/**
 * `op-` and twelve hex digits, derived from what the operation is about: the same change gives the
 * same id.
 */
export const OperationId = z
  .string()
  .regex(/^op-[0-9a-f]{12}$/, 'an operation is called op- and twelve hex digits')
  .brand<'OperationId'>();
export type OperationId = z.infer<typeof OperationId>;

/** An OpenStack service by its project's name: `nova`. */
export const ServiceName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,30}$/, 'a service is called as its project, in small letters: nova')
  .brand<'ServiceName'>();
export type ServiceName = z.infer<typeof ServiceName>;

/** One type of thing that a service holds: `nova.server`. */
export const ResourceTypeName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/)
  .brand<'KindName'>();
export type ResourceTypeName = z.infer<typeof ResourceTypeName>;

/** `<operation>/<service>/<region>`. */
export const TaskId = z
  .string()
  .regex(/^op-[0-9a-f]{12}\/[a-z][a-z0-9-]*\/.+$/)
  .brand<'TaskId'>();
export type TaskId = z.infer<typeof TaskId>;
