import type { TaskDependency } from '../../events/dependency.ts';
import type { OperationId, ServiceName, TaskId } from '../../events/ids.ts';
import type { Condition, Phase } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Verifications } from './verification.ts';

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

/** By resource type: the resources that an approved plan does not list. */
export type Appeared = Readonly<
  Record<
    string,
    {
      readonly count: number;
      /** The id of one of them. */
      readonly example: string;
      /** True if some of them were not removed, because the allowed number is used up. */
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
   * Preferred dependencies that this task did not wait for, because they were stuck or the awaited
   * types were verified empty. This task runs once more when they have ended.
   */
  readonly overtook: readonly TaskId[];
  /**
   * The partial run of a task that has types which are independent of a service that has not ended.
   * After it the task is `pending` again, and does not count as ended. There is one at most.
   * `awaiting`: the services that had not ended when it was requested. `endedBefore`: the number of
   * the first run after it.
   */
  readonly partial?:
    | {
        readonly state: 'running' | 'done';
        readonly awaiting: readonly ServiceName[];
        readonly endedBefore?: number;
      }
    | undefined;
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
  /**
   * Under an approved plan, by resource type: the resources that the plan does not list, and the id
   * of one.
   */
  readonly appeared?: Appeared | undefined;
  /** The ids behind `distinct`, as a filter of bounded size. */
  readonly seenIds: string | undefined;
  readonly because: string | undefined;
  /** When the next run is due, for display. */
  readonly nextAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly version: number;
}
