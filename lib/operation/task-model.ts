import type { TaskDependency } from '../../events/dependency.ts';
import type { OperationId, ServiceName, TaskId } from '../../events/ids.ts';
import type { Condition, Phase } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Verifications } from './verification.ts';

/**
 * `planning`: the service is counted. `pending`: counted, and waits for other tasks. `requested`: a
 * run is due or in progress. `dead-lettered`: given up; the message is in the dead-letter queue,
 * and the operator must act. End states: `finished` (a listing after the removals was empty; in
 * mode `observe`: counted), `skipped` (the cloud lacks the service), `unreachable`.
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

/** One entry of the saved order: a service in a region, and the tasks that it depends on. */
export interface PlannedTask {
  readonly id: TaskId;
  readonly service: ServiceName;
  readonly region: string;
  /** The tasks that this one depends on. A preferred dependency may be overtaken (`order.ts`). */
  readonly dependsOn: readonly TaskDependency[];
  /** True if the task has a pre-delete phase. */
  readonly preDelete: boolean;
  /** The catalog types of the service. A waiver may name one of them. */
  readonly types: readonly string[];
}

/** The resources of one type over the whole task. */
export interface ResourceTypeCount {
  /**
   * The resources of phase `plan`, or of the first run that could list the type. New ids increase
   * this number.
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
      /** The id of one of these resources. */
      readonly example: string;
      /**
       * True if some of these resources were not removed, because the allowed number is used up.
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
  /** The phase of its runs: `plan` counts, `pre-delete` and `apply` remove. */
  readonly phase: Phase;
  /** The pre-delete phase of the task: it has none (`no`), it is `due`, or it is `done`. */
  readonly preDelete: 'no' | 'due' | 'done';
  /** The result of the last listing of each resource type (`verification.ts`). */
  readonly verifications: Verifications;
  /**
   * Verifications of runs with a lower number are stale, because the project was enabled during one
   * of these runs.
   */
  readonly validFromRun: number;
  /**
   * The tasks that this task has overtaken: preferred dependencies that were stuck, or whose
   * awaited types were verified empty. When they have ended, this task runs once more.
   */
  readonly overtook: readonly TaskId[];
  /**
   * Set if the task had a partial run, which handles only types that are independent of the
   * services in `awaiting`. A task has at most one partial run, and is `pending` after it.
   * `awaiting`: the services that had not ended when the partial run was requested. `endedBefore`:
   * the number of the first run after the partial run.
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
  /** The number of the last applied progress report of the run. */
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
  /** True if the present run has made progress (see `progressAt`). */
  readonly runProgressed: boolean;
  /** The sum of the service's `Retry-After` delays since the last progress, in milliseconds. */
  readonly askedWaitMillis: number;
  /** By resource type: the highest `removed` so far. A higher value counts as progress. */
  readonly mostRemoved: Readonly<Record<string, number>>;
  /** By resource type: the distinct ids that the ended runs listed, as far as known. */
  readonly distinct: Readonly<Record<string, number>>;
  /** The resources that the approved plan does not list. */
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
