import type { TaskDependency } from '../../events/dependency.ts';
import type { OperationId, ServiceName, TaskId } from '../../events/ids.ts';
import type { Condition, Phase } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Verifications } from './verification.ts';

/**
 * The states of a task:
 * - `planning`: the resources in the service are being counted.
 * - `pending`: the resources were counted, and the task waits for its dependencies.
 * - `requested`: a run is due or in progress.
 * - `dead-lettered`: the retries have ended. The message is in the dead-letter queue, and the
 *   operator must act.
 *
 * The end states:
 * - `finished`: a listing after the last change showed that nothing was left to do. In mode
 *   `observe`: the resources were counted.
 * - `skipped`: the cloud lacks the service, or the service is off by default.
 * - `unreachable`: the resources can no longer be listed or removed.
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
export const ENDED_TASK_STATES: readonly TaskState[] = ['finished', 'skipped', 'unreachable'];

/** One task in the saved order of an operation: a service in a region, with its dependencies. */
export interface PlannedTask {
  readonly id: TaskId;
  readonly service: ServiceName;
  readonly region: string;
  /** The tasks that this task depends on. A preferred dependency may be overtaken (`order.ts`). */
  readonly dependsOn: readonly TaskDependency[];
  /** True if the task has a pre-delete phase. */
  readonly preDelete: boolean;
  /** The catalog types of the service. A waiver may name one of them. */
  readonly types: readonly string[];
}

/** The number of resources of one type, over all runs of the task. */
export interface ResourceTypeCount {
  /** All distinct resources that the runs have listed, or a lower bound of this number. */
  readonly found: number;
  readonly removed: number;
  /** The resources that still exist after the newest run that could list the type. */
  readonly left: number;
}

/** By resource type, for example `nova.server`. */
export type TaskCounts = Readonly<Record<string, ResourceTypeCount>>;

/** By resource type: the resources that appeared after the approved plan was made. */
export type Appeared = Readonly<
  Record<
    string,
    {
      readonly count: number;
      /** The id of one of these resources. */
      readonly example: string;
      /**
       * True if some of these resources were not removed, because the cleanup has already removed
       * as many unplanned resources as the approval allows.
       */
      readonly isRefused: boolean;
    }
  >
>;

/** The part of an operation for one service in one region. All times are epoch milliseconds. */
export interface Task {
  readonly id: TaskId;
  readonly operationId: OperationId;
  readonly service: ServiceName;
  readonly region: string;
  readonly state: TaskState;
  /** The phase of the present run: `plan` counts, `pre-delete` and `apply` remove. */
  readonly phase: Phase;
  /** `no`: the task has no pre-delete phase. `due`: this phase has not ended. `done`: it has. */
  readonly preDelete: 'no' | 'due' | 'done';
  /** The result of the last listing of each resource type (`verification.ts`). */
  readonly verifications: Verifications;
  /**
   * The verifications of all runs with a lower number are stale, because the project was enabled
   * during one of them. 0: the project was never enabled during a run.
   */
  readonly validFromRun: number;
  /**
   * The preferred dependencies that this task has overtaken (`overtaking.ts`). When these tasks
   * have ended, this task runs once more.
   */
  readonly overtook: readonly TaskId[];
  /**
   * Set when a partial run begins, and kept after its end. A partial run handles only types that
   * are independent of the services in `awaitedServices`. The task is `pending` after each partial
   * run.
   */
  readonly partialRun?:
    | {
        readonly state: 'running' | 'done';
        /**
         * The services that this task depends on and that had not ended when the partial run was
         * requested.
         */
        readonly awaitedServices: readonly ServiceName[];
        /** The number of the run after the partial run. Set when the partial run has ended. */
        readonly nextRun?: number;
        /**
         * Epoch milliseconds: the next partial run may begin at this time. `undefined`: the task
         * has no further partial run.
         */
        readonly nextPartialRunAt?: number | undefined;
      }
    | undefined;
  /** The number of the present run. A report of any other run is ignored. */
  readonly run: number;
  /** The number of the newest progress report of the present run that was applied. */
  readonly sequence: number;
  readonly counts: TaskCounts;
  /** The counts at the start of the present run. */
  readonly baseline: TaskCounts;
  readonly conditions: readonly Condition[];
  readonly error: ErrorReport | undefined;
  /**
   * The number of consecutive runs that failed and removed nothing. Runs that only waited do not
   * count. At `maxAttempts` the task is dead-lettered.
   */
  readonly attempts: number;
  /**
   * When the task last made progress: it removed a resource that had not counted as removed before.
   */
  readonly progressAt: number;
  /** When the newest report was applied. */
  readonly reportedAt?: number | undefined;
  /** True if the present run has made progress (see `progressAt`). */
  readonly runProgressed: boolean;
  /** The sum of the `Retry-After` delays of the service since the last progress of the task. */
  readonly totalRetryAfterMillis: number;
  /** By resource type: the highest `removed` in any report. A higher value counts as progress. */
  readonly mostRemoved: Readonly<Record<string, number>>;
  /** By resource type: how many distinct ids the ended runs have listed, as far as known. */
  readonly distinctIdCounts: Readonly<Record<string, number>>;
  /** The resources that appeared after the approved plan was made. */
  readonly appeared?: Appeared | undefined;
  /** The ids that `distinctIdCounts` counts, as a Bloom filter of bounded size. */
  readonly seenIds: string | undefined;
  /** Why the task ended in its end state, for a person. */
  readonly because: string | undefined;
  /** When the next run is due, for display. */
  readonly nextAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly version: number;
}
