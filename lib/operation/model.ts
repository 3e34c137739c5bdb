import type { Cause } from '../../events/account.ts';
import type { TaskDependency } from '../../events/dependency.ts';
import type {
  DomainId,
  OperationId,
  ProjectId,
  ServiceName,
  TaskId,
  UserId,
} from '../../events/ids.ts';
import type { Condition, Phase } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Verifications } from './verification.ts';

/** `observe`: count and change nothing. `enforce`: remove. */
export type Mode = 'observe' | 'enforce';

/**
 * `confirming`: Keystone is asked twice and apart, the grace period passes, and phase `plan` runs.
 * `held`: a cap, a protection or an open question stopped the operation, and a person must release
 * it. `pre-delete`: an administrator requested the cleanup of an existing project, and the types
 * that need the project are removed first. `running`: the tasks clean up the services. `waiting`: a
 * domain waits for its projects. `closing`: everything is empty, and Keystone deletes the project.
 * Ends: `finished`, `observed` (mode observe: counted, nothing changed), `refused` (Keystone still
 * shows the account), `unverified` (a service was unreachable, or the catalog has a type that no
 * service covers, so that the remaining resources are unknown).
 */
export const OPERATION_STATES = [
  'confirming',
  'held',
  'pre-delete',
  'running',
  'waiting',
  'closing',
  'finished',
  'observed',
  'refused',
  'unverified',
] as const;
export type OperationState = (typeof OPERATION_STATES)[number];
/** The end states of an operation. */
export const ENDED: readonly OperationState[] = ['finished', 'observed', 'refused', 'unverified'];

/**
 * `planning`: the service is counted. `pending`: counted, and waits for other tasks. `requested`: a
 * run is due or under way. `dead-lettered`: given up; the message is in the dead-letter queue, and
 * the operator must act. Ends: `finished` (a listing after the removals was empty; in mode observe:
 * counted), `skipped` (the cloud lacks the service), `unreachable`.
 */
export const TASK_STATES = [
  'planning',
  'pending',
  'requested',
  'dead-lettered',
  'finished',
  'skipped',
  'unreachable',
] as const;
export type TaskState = (typeof TASK_STATES)[number];
/** The end states of a task. */
export const TASK_ENDED: readonly TaskState[] = ['finished', 'skipped', 'unreachable'];

/** `members`: users who had a role on the project, recorded before the deletion. */
export type ProjectScope = Extract<Scope, { type: 'project' }>;
/** The account that an operation is about, with the data that services need. */
export type Scope =
  | {
      readonly type: 'project';
      readonly id: ProjectId;
      readonly name?: string;
      readonly domainId?: DomainId;
      readonly members?: readonly UserId[];
    }
  | { readonly type: 'domain'; readonly id: DomainId; readonly name?: string }
  /** `projects`: the projects on which the user had a role, as far as recorded. */
  | {
      readonly type: 'user';
      readonly id: UserId;
      readonly name?: string;
      readonly domainId?: DomainId;
      readonly projects: readonly ProjectId[];
    };

/** One entry of the saved order: a service in a region, and the tasks that it depends on. */
export interface PlannedTask {
  readonly id: TaskId;
  readonly service: ServiceName;
  readonly region: string;
  /** The tasks that this one depends on. Preferred ones may be overtaken (`order.ts`). */
  readonly dependsOn: readonly TaskDependency[];
  /** True if the task has a pre-delete phase. */
  readonly preDelete: boolean;
  /** The catalog types of the service, under which a person can waive it. */
  readonly types: readonly string[];
}

/** The request of an administrator for the cleanup of a project that Keystone still has. */
export interface Request {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  /**
   * True if Keystone showed the project as enabled, and the administrator confirmed it by its name.
   */
  readonly enabled: boolean;
}

/** The decision of a person to run the ended operation `of` again. */
export interface Rerun {
  readonly of: OperationId;
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

/** The present Keystone action. There is only one at a time, and `number` is the fence. */
export interface KeystoneAction {
  readonly what: 'assign-role' | 'disable' | 'revoke-role' | 'delete';
  readonly number: number;
  readonly since: number;
  readonly done: boolean;
}

/**
 * A registration in Keystone that is not cleaned up, because no service covers its type or it is
 * unreachable.
 */
export interface Uncovered {
  /** The type in Keystone, under which a person can waive it. */
  readonly type: string;
  readonly name: string;
  readonly region?: string;
  /** The reason. Absent when the catalog has the type and no service covers it. */
  readonly because?: string;
  readonly advice?: string;
}

/** A region that a setting leaves out. The resources there are not cleaned up, on purpose. */
export interface LeftOut {
  readonly region: string;
  readonly types: readonly string[];
  /** The setting that names the regions. */
  readonly setting: string;
}

/** The decision of a person, for the whole cloud, that a catalog type needs no cleanup. */
export interface Waiver {
  readonly type: string;
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

/** Why an operation is stopped, and what to do. */
export interface Hold {
  readonly reason: string;
  readonly since: number;
  readonly advice: string;
  readonly about?: 'cap' | 'keystoneAction' | 'leftovers' | 'listing';
}

/** One account change in all services. All times are epoch milliseconds. */
export interface Operation {
  readonly id: OperationId;
  readonly action: 'cleanup';
  readonly scope: Scope;
  /**
   * Counts the operations about this account, from 1. Each new deletion of the same id and each
   * rerun is a new generation.
   */
  readonly generation: number;
  readonly mode: Mode;
  readonly state: OperationState;
  readonly cause: Cause;
  /** The operation of the domain that the project belonged to. */
  readonly parentId: OperationId | undefined;
  /** When Keystone answered 404 for the account: the first and the last time. */
  readonly confirmedAt: readonly number[];
  /** The number of the present question to Keystone. */
  readonly confirmation: number;
  /** Nothing is removed before this time. */
  readonly notBefore: number;
  readonly order: readonly PlannedTask[];
  /** Domains only: the operations of its projects. */
  readonly children: readonly OperationId[];
  /**
   * Why the operation is stopped, since when, and who can act. `about` decides how it continues
   * after a release.
   */
  readonly hold: Hold | undefined;
  /** Set when an administrator requested the operation. */
  readonly request: Request | undefined;
  /** Set when a person ran an ended operation again. */
  readonly rerun: Rerun | undefined;
  /**
   * Another deletion of the same account that was announced while this operation was running. The
   * next operation is opened for it when this one ends.
   */
  readonly next: Cause | undefined;
  /** The last Keystone action, done or not. */
  readonly keystoneAction: KeystoneAction | undefined;
  /**
   * The roles that the propagator assigns to itself on the existing project and revokes afterwards.
   */
  readonly roles: readonly string[];
  readonly uncovered: readonly Uncovered[];
  readonly leftOut: readonly LeftOut[];
  /** The waivers that applied at the end. */
  readonly waived: readonly Waiver[];
  /** The release by a person. */
  readonly released:
    | { readonly by: string; readonly reason: string; readonly at: number }
    | undefined;
  readonly openedAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Optimistic lock: counts the writes. */
  readonly version: number;
}

/** The resources of one type over the whole task. */
export interface ResourceTypeCount {
  /**
   * The resources of phase `plan`, or of the first run that could list the type. It grows with new
   * ids.
   */
  readonly found: number;
  readonly removed: number;
  readonly left: number;
}

/** By resource type, for example `nova.server`. */
export type TaskCounts = Readonly<Record<string, ResourceTypeCount>>;

/** The part of an operation for one service in one region. All times are epoch milliseconds. */
export interface Task {
  readonly id: TaskId;
  readonly operationId: OperationId;
  readonly service: ServiceName;
  readonly region: string;
  readonly state: TaskState;
  /** The phase of its runs: `plan` counts, `pre-delete` and `apply` remove. */
  readonly phase: Phase;
  /** The state of the pre-delete phase; `no` if the task has none. */
  readonly preDelete: 'no' | 'due' | 'done';
  /** By resource type: what its last listing showed (`verification.ts`). */
  readonly verifications: Verifications;
  /**
   * Verifications of runs with a lower number are stale, because the project was enabled during
   * such a run.
   */
  readonly validFromRun: number;
  /**
   * Preferred dependencies that this task did not wait for, because they were held up or the awaited
   * types were verified empty. This task runs once more when they have ended.
   */
  readonly overtook: readonly TaskId[];
  /** The number of the present run. A report of any other run is ignored. */
  readonly run: number;
  /** The last progress report of the run that was applied. */
  readonly sequence: number;
  readonly counts: TaskCounts;
  /** The counts at the start of the present run. */
  readonly baseline: TaskCounts;
  readonly conditions: readonly Condition[];
  readonly error: ErrorReport | undefined;
  /**
   * Consecutive failed runs, not counting runs that only waited or that removed something. At
   * `maxAttempts` the task is dead-lettered.
   */
  readonly attempts: number;
  /**
   * When the task last made progress: it removed a resource that had not counted as removed before.
   */
  readonly progressAt: number;
  /** When the last report was applied. */
  readonly reportedAt?: number | undefined;
  /** True if the present run has made such progress. */
  readonly runProgressed: boolean;
  /** Milliseconds since the last progress that the service asked to wait (`Retry-After`). */
  readonly askedWaitMillis: number;
  /** By resource type: the highest `removed` so far. Only a higher value is progress. */
  readonly mostRemoved: Readonly<Record<string, number>>;
  /** By resource type: the distinct ids that the ended runs listed, as far as known. */
  readonly distinct: Readonly<Record<string, number>>;
  /** The ids behind `distinct`, as a filter of bounded size. */
  readonly seenIds: string | undefined;
  readonly because: string | undefined;
  /** When the next run is due, for display. */
  readonly nextAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly version: number;
}
