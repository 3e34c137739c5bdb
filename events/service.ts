import * as z from 'zod';
import { ERROR_CLASSES } from '../lib/shared/errors.ts';
import { OperationId, ProjectId, ResourceTypeName, ServiceName, TaskId, UserId } from './ids.ts';

/**
 * An error as events and records carry it: its class, a message about the cause, and the advice for
 * the operator.
 */
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
 * One reason why resources are still left. Resources of the same type with the same reason share
 * one condition, with a count and one example.
 */
export const Condition = z.object({
  class: z.enum(ERROR_CLASSES),
  resourceType: ResourceTypeName.optional(),
  /**
   * The cause that blocks the removal, in the words of the service if the service named a cause.
   */
  message: z.string(),
  actor: z.enum(['none', 'operator', 'customer', 'other-project']),
  advice: z.string().optional(),
  /** Set if a hold keeps the resource or its account. */
  isHold: z.literal(true).optional(),
  count: z.number().int().min(1),
  /** The id of one affected resource. */
  example: z.string().optional(),
  requestId: z.string().optional(),
  /** Epoch milliseconds. Set by the coordinator, and kept as long as the condition stays. */
  since: z.number().optional(),
});
export type Condition = z.infer<typeof Condition>;

/**
 * Numbers of resources of one type. `listed`: the resources that the run listed, each counted once.
 * `gone`: the resources that the run removed. `left`: the resources that were left at the end of
 * the run.
 */
export const Count = z.object({
  listed: z.number().int().min(0),
  gone: z.number().int().min(0),
  left: z.number().int().min(0),
});
export type Count = z.infer<typeof Count>;
/** Counts by resource type. */
export const Counts = z.record(ResourceTypeName, Count);
export type Counts = z.infer<typeof Counts>;

/**
 * The phase of a run. `plan` lists and changes nothing. `apply` removes, suspends, resumes or
 * creates. `pre-delete` belongs to a deletion that an administrator requested. While the project
 * still exists, this phase removes the resources whose removal needs a token on the project or the
 * credentials of its users.
 */
export const Phase = z.enum(['plan', 'pre-delete', 'apply']);
export type Phase = z.infer<typeof Phase>;

/**
 * The result of the last listing of a resource type in a run. `empty`: no resource of the account
 * is left. `present`: there was at least one. `unknown`: the type could not be listed.
 */
export const VerificationStatus = z.enum(['unknown', 'present', 'empty']);
export type VerificationStatus = z.infer<typeof VerificationStatus>;

/**
 * The fields of a report that describe the listings of the run, besides the counts. The report of
 * an HTTP plugin may omit these fields.
 */
const listingDetails = {
  /**
   * By resource type: the result of its last listing in the run. A type is missing if the run did
   * not need to list it.
   */
  verification: z.record(ResourceTypeName, VerificationStatus).optional(),
  /**
   * By resource type: the number of resources that no earlier run of the task listed, as far as
   * known.
   */
  fresh: z.record(ResourceTypeName, z.number().int().min(1)).optional(),
  /** The ids that the task has listed so far, as text of a Bloom filter (see `IdFilter`). */
  seenIds: z.string().max(2048).optional(),
  /**
   * Set if the operation carries out an approved plan. By resource type: the resources that the
   * plan does not list. A type is missing if the run did not list it.
   */
  appeared: z
    .record(
      ResourceTypeName,
      z.object({
        count: z.number().int().min(0),
        example: z.string(),
        /**
         * True if some of these resources were not removed, because the approval allows the removal
         * of only a limited number of them.
         */
        isRefused: z.boolean(),
      }),
    )
    .optional(),
};

/** The fields that identify the run of a request or of a report. */
const runIdentity = {
  operationId: OperationId,
  taskId: TaskId,
  service: ServiceName,
  region: z.string(),
  phase: Phase,
  /**
   * Fence: the service acts only on the task's current run, and ignores a late or duplicate
   * message.
   */
  run: z.number().int().min(1),
};

/**
 * The coordinator requests one run of a service, on one project or on the resources of one user.
 */
export const ServiceRequested = z.object({
  type: z.literal('service.requested'),
  data: z.object({
    ...runIdentity,
    /**
     * Since contract version 2. If absent, the run is part of a cleanup or of a plan. An HTTP
     * plugin is called with another action only if the settings declare that the plugin supports
     * it.
     */
    action: z.enum(['suspend', 'resume', 'provision']).optional(),
    /** Action `provision` only: the name of the profile. */
    profile: z.string().optional(),
    /** The project of the run. Absent when the run is about a user. */
    project: ProjectId.optional(),
    user: UserId.optional(),
    /** The name of the project or of the user, if it was recorded. */
    name: z.string().optional(),
    /** Users only: the projects on which the user had a role. */
    projects: z.array(ProjectId).optional(),
    /**
     * Epoch milliseconds at which Keystone answered 404 for the account. Empty in phase `plan`, and
     * when an administrator requested the cleanup.
     */
    confirmedAt: z.array(z.number()),
    /**
     * Users who had a role on the project, recorded before the deletion. Absent when they were not
     * recorded.
     */
    members: z.array(UserId).optional(),
    /**
     * Resource types that a recent listing verified empty. The run lists them only after the other
     * types are empty.
     */
    skipTypes: z.array(ResourceTypeName),
    /**
     * Resource types that were verified empty while the project existed. It may be impossible to
     * list them now.
     */
    verifiedBeforeDeletion: z.array(ResourceTypeName).default([]),
  }),
});
/** Reports the counts during a run, or the end of a run after which the task needs another run. */
export const ServiceProgressed = z.object({
  type: z.literal('service.progressed'),
  data: z.object({
    ...runIdentity,
    /** The position of this report among the reports of the run. */
    sequence: z.number().int().min(0),
    counts: Counts,
    conditions: z.array(Condition),
    ...listingDetails,
    /**
     * Set at the end of the run if the task needs another run. `afterSeconds`: the minimum delay.
     * The coordinator waits longer when the task makes no progress.
     */
    again: z
      .object({
        afterSeconds: z.number().min(0),
        error: ErrorReport.optional(),
        /**
         * Set when resources that this run removed were listed again. The task is dead-lettered
         * with this error only when it makes no progress for the stall timeout.
         */
        returned: ErrorReport.optional(),
        /**
         * The project was enabled during its cleanup. Types that were empty before must be listed
         * again.
         */
        enabled: z.literal(true).optional(),
      })
      .optional(),
  }),
});
/**
 * Reports that the run has done all work of its phase, or that the service is skipped or
 * unreachable. After phases `plan` and `pre-delete`, a task with the result `finished` continues
 * with its next phase, except in mode `observe`. Otherwise the task ends.
 */
export const ServiceFinished = z.object({
  type: z.literal('service.finished'),
  data: z.object({
    ...runIdentity,
    result: z.enum(['finished', 'skipped', 'unreachable']),
    because: z.string().optional(),
    counts: Counts,
    conditions: z.array(Condition),
    ...listingDetails,
  }),
});
/** Reports that the run failed. */
export const ServiceFailed = z.object({
  type: z.literal('service.failed'),
  data: z.object({
    ...runIdentity,
    counts: Counts,
    conditions: z.array(Condition),
    ...listingDetails,
    error: ErrorReport,
  }),
});
/** The request for a run, and the reports about a run. */
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
/** The reports that a service sends during and after a run. */
export type ServiceReport = ServiceProgressed | ServiceFinished | ServiceFailed;
