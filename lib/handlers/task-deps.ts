import type { Engine } from '../engine/port.ts';
import type { Cloud, ServiceAddress } from '../openstack/cloud.ts';
import type { Mode, Operation, Task } from '../operation/model.ts';
import type { InFlightRequests } from '../shared/in-flight.ts';
import type { Throttle } from '../shared/throttle.ts';
import type { DeletionDurations } from '../task/deletion-durations.ts';
import type { Protection } from '../task/safety-rules.ts';

/** The dependencies of `runTask` (`task.ts`). */
export interface TaskDeps {
  readonly engine: Engine;
  readonly cloud: Cloud;
  /** The addresses of all services, because a service may call another service. */
  readonly services: readonly ServiceAddress[];
  readonly mode: Mode;
  readonly confirmationIntervalMillis: number;
  /** How long the services accept a token that they have validated; default: 300 s. */
  readonly tokenCacheMillis?: number | undefined;
  readonly protection: () => Promise<Protection>;
  readonly concurrency: Readonly<Record<string, number>>;
  /** Services that begin at the same time share one request to Keystone about the account. */
  readonly inFlight?: InFlightRequests;
  /** The measured durations of deletions. They decide when a run lists again. */
  readonly deletionDurations?: DeletionDurations;
  /** A run may begin removals during this number of milliseconds after its start. */
  readonly budgetMillis: number;
  /**
   * Aborted when the process stops. The run then begins no further removals, and reports `again` if
   * resources are left.
   */
  readonly stopping?: AbortSignal;
  /**
   * Set this where the runtime kills the function at a fixed time (Lambda). A run that is still
   * working after this many milliseconds is reported as unfinished. If unset, the function waits
   * until the run ends.
   */
  readonly maxRunMillis?: number;
  /**
   * The longest time in milliseconds without a complete answer while a service is counted; default:
   * 20 s.
   */
  readonly maxSilenceMillis?: number;
  /**
   * The shortest time in milliseconds between two progress reports of a run. The final report is
   * always sent.
   */
  readonly progressMillis: number;
  /** Limits the progress reports of all runs of the process together. */
  readonly progressThrottle?: Throttle;
  now(): number;
}

/** The stored operation and task of a run. */
export interface TaskWithOperation {
  readonly operation: Operation;
  readonly task: Task;
}
