import * as z from 'zod';
import { ERROR_CLASSES } from '../lib/shared/errors.ts';
import { OperationId, ProjectId, ResourceTypeName, ServiceName, TaskId, UserId } from './ids.ts';

export const ErrorReport = z.object({
  code: z.string(),
  class: z.enum(ERROR_CLASSES),
  message: z.string(),
  advice: z.string(),
  service: z.string().optional(),
  region: z.string().optional(),
  requestId: z.string().optional(),
  status: z.number().optional(),
  retryAfterSeconds: z.number().optional(),
});

/**
 * One reason why something is still there, aggregated: a resource type, a blocker, how many, one
 * example.
 */
export const Condition = z.object({
  class: z.enum(ERROR_CLASSES),
  resourceType: ResourceTypeName.optional(),
  /** What stands in the way, in the words of the service where it gave some. */
  message: z.string(),
  actor: z.enum(['none', 'operator', 'customer', 'other-project']),
  advice: z.string().optional(),
  count: z.number().int().min(1),
  /** Id of one thing that this is about. */
  example: z.string().optional(),
  requestId: z.string().optional(),
  /**
   * Epoch milliseconds since when it stands; filled by the coordinator, kept as long as the
   * condition stays.
   */
  since: z.number().optional(),
});
export type Condition = z.infer<typeof Condition>;

/**
 * Resources of one type: listed by this run (each counts once), gone within it, still there at its
 * end.
 */
export const Count = z.object({
  listed: z.number().int().min(0),
  gone: z.number().int().min(0),
  left: z.number().int().min(0),
});
export type Count = z.infer<typeof Count>;
export const Counts = z.record(ResourceTypeName, Count);
export type Counts = z.infer<typeof Counts>;

/**
 * `plan` lists and changes nothing; `apply` removes. `preDelete` removes while the project still
 * lives, because an administrator asked for its end: what only a token on the project, or the
 * credentials of its people, can remove.
 */
export const Phase = z.enum(['plan', 'pre-delete', 'apply']);
export type Phase = z.infer<typeof Phase>;

/** What a report says of ids, beside the counts. Absent in the reports of HTTP plugins. */
const ids = {
  /** By type: resources that no earlier run of the task has listed, as far as it is known. */
  fresh: z.record(ResourceTypeName, z.number().int().min(1)).optional(),
  /** The ids that the task has listed so far, as a filter of bounded size. */
  seenIds: z.string().max(1400).optional(),
};

const address = {
  operationId: OperationId,
  taskId: TaskId,
  service: ServiceName,
  region: z.string(),
  phase: Phase,
  /**
   * The fence: only the pass that the task stands at is acted on; a late or doubled message is not.
   */
  run: z.number().int().min(1),
};

/**
 * The coordinator asks a service for one pass over one project, or over what belongs to one user.
 */
export const ServiceRequested = z.object({
  type: z.literal('service.requested'),
  data: z.object({
    ...address,
    /** The project that is emptied; absent when it is about a user. */
    project: ProjectId.optional(),
    user: UserId.optional(),
    /** Of the project or of the user, as far as it was recorded. */
    name: z.string().optional(),
    /** Users only: projects on which he had a role. */
    projects: z.array(ProjectId).optional(),
    /**
     * Epoch milliseconds at which Keystone itself answered 404 for the account; empty in a survey,
     * and when an administrator asked for it.
     */
    confirmedAt: z.array(z.number()),
    /**
     * Users who had a role on the project, recorded before the deletion; absent when nobody
     * recorded it.
     */
    members: z.array(UserId).optional(),
    /**
     * Resource types that the last look showed to be empty: they need no look until the others are
     * empty, too.
     */
    skipTypes: z.array(ResourceTypeName),
    /**
     * Resource types that were proven empty while the project lived: nobody can look at them any
     * more.
     */
    verifiedBeforeDeletion: z.array(ResourceTypeName).default([]),
  }),
});
/** Counts on the way. With `again`, the pass has ended and wants another one. */
export const ServiceProgressed = z.object({
  type: z.literal('service.progressed'),
  data: z.object({
    ...address,
    /** Order of the reports within one pass. */
    sequence: z.number().int().min(0),
    counts: Counts,
    conditions: z.array(Condition),
    ...ids,
    /** At least so many seconds; the coordinator waits longer when nothing moves. */
    again: z
      .object({
        afterSeconds: z.number().min(0),
        error: ErrorReport.optional(),
        /**
         * Resources that this run removed were listed again: no error unless it lasts. The task is
         * dead-lettered with it when nothing else moves for the stall time-out.
         */
        returned: ErrorReport.optional(),
        /**
         * Somebody enabled the project in the middle of its cleanup: what was seen empty before may
         * not be any more.
         */
        enabled: z.literal(true).optional(),
        /**
         * Resource types that another service waits for alone, and of which the last listing of
         * this pass showed nothing.
         */
        verifiedEmpty: z.array(ResourceTypeName).optional(),
      })
      .optional(),
  }),
});
/** The task is over, or (phase `plan`) the survey is. */
export const ServiceFinished = z.object({
  type: z.literal('service.finished'),
  data: z.object({
    ...address,
    result: z.enum(['finished', 'skipped', 'unreachable']),
    because: z.string().optional(),
    counts: Counts,
    conditions: z.array(Condition),
    ...ids,
  }),
});
/** The pass could not be done. */
export const ServiceFailed = z.object({
  type: z.literal('service.failed'),
  data: z.object({
    ...address,
    counts: Counts,
    conditions: z.array(Condition),
    ...ids,
    error: ErrorReport,
  }),
});
export const ServiceEvent = z.discriminatedUnion('type', [
  ServiceRequested,
  ServiceProgressed,
  ServiceFinished,
  ServiceFailed,
]);
export type ServiceRequested = z.infer<typeof ServiceRequested>;
export type ServiceProgressed = z.infer<typeof ServiceProgressed>;
export type ServiceFinished = z.infer<typeof ServiceFinished>;
export type ServiceFailed = z.infer<typeof ServiceFailed>;
export type ServiceReport = ServiceProgressed | ServiceFinished | ServiceFailed;
