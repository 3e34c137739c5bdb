import type { Cause } from '../../events/account.ts';
import type { DomainId, OperationId, ProjectId, ServiceName, TaskId, UserId } from '../../events/ids.ts';
import type { Condition, Phase } from '../../events/service.ts';
import type { ErrorReport } from '../errors.ts';

export type Mode = 'observe' | 'enforce';

/**
 * `confirming`: Keystone is asked, twice and apart, and the grace period passes; the survey runs meanwhile.
 * `held`: a cap or a protection stopped it; a person must release it.
 * `running`: services are being emptied. `waiting`: a domain waits for its projects.
 * Ends: `finished`, `observed` (mode observe: surveyed, nothing changed), `refused` (Keystone still shows the account),
 * `residue-unknown` (some service was unreachable for ever: what is left there is not known).
 */
export const OPERATION_STATES = ['confirming', 'held', 'running', 'waiting', 'finished', 'observed', 'refused', 'residue-unknown'] as const;
export type OperationState = (typeof OPERATION_STATES)[number];
export const ENDED: readonly OperationState[] = ['finished', 'observed', 'refused', 'residue-unknown'];

/**
 * `surveying`: being counted. `pending`: counted, waits for those before it. `requested`: a pass is on its way or due.
 * `errored`: given up, its message is in the dead-letter queue, the operator must act.
 * Ends: `finished` (a listing came back empty after the deletes; in mode observe: counted), `skipped` (the cloud lacks it), `unreachable`.
 */
export const TASK_STATES = ['surveying', 'pending', 'requested', 'errored', 'finished', 'skipped', 'unreachable'] as const;
export type TaskState = (typeof TASK_STATES)[number];
export const TASK_ENDED: readonly TaskState[] = ['finished', 'skipped', 'unreachable'];

/** Members: users who had a role on the project, recorded before the deletion. */
export type ProjectScope = Extract<Scope, { type: 'project' }>;
export type Scope =
  | {
      readonly type: 'project';
      readonly id: ProjectId;
      readonly name?: string;
      readonly domainId?: DomainId;
      readonly members?: readonly UserId[];
    }
  | { readonly type: 'domain'; readonly id: DomainId; readonly name?: string };

/** One step of the saved order: a service in a region and the tasks that must have ended before it. */
export interface PlannedTask {
  readonly id: TaskId;
  readonly service: ServiceName;
  readonly region: string;
  readonly after: readonly TaskId[];
}

/** One account change carried through all services. Epoch milliseconds everywhere. */
export interface Operation {
  readonly id: OperationId;
  readonly action: 'cleanup';
  readonly scope: Scope;
  /** How often this same change was opened before (an observed or refused one may be opened again). */
  readonly generation: number;
  readonly mode: Mode;
  readonly state: OperationState;
  readonly cause: Cause;
  /** The operation of the domain that this project belonged to. */
  readonly parentId: OperationId | undefined;
  /** When Keystone answered 404 for the account, first and last. */
  readonly confirmedAt: readonly number[];
  /** The question to Keystone that is due or under way. */
  readonly look: number;
  /** Nothing is destroyed before this. */
  readonly notBefore: number;
  readonly order: readonly PlannedTask[];
  /** Domains: the operations of its projects. */
  readonly children: readonly OperationId[];
  /** Why it stands still, since when, who can act. */
  readonly hold: { readonly reason: string; readonly since: number; readonly advice: string } | undefined;
  /** Records of people's decisions. */
  readonly released: { readonly by: string; readonly reason: string; readonly at: number } | undefined;
  readonly openedAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Optimistic lock: counts the writes. */
  readonly version: number;
}

/** Things of one kind over the whole task. */
export interface KindCount {
  /** Counted by the survey, or by the first look that could list it. */
  readonly found: number;
  readonly removed: number;
  readonly left: number;
}

/** By kind: `nova.server`. */
export type TaskCounts = Readonly<Record<string, KindCount>>;

export interface Task {
  readonly id: TaskId;
  readonly operationId: OperationId;
  readonly service: ServiceName;
  readonly region: string;
  readonly state: TaskState;
  /** What its passes do: `survey` counts, `clean` removes. */
  readonly phase: Phase;
  /** The pass that is asked for or under way; a report of any other pass is not taken in. */
  readonly pass: number;
  /** Last report within the pass that was taken in. */
  readonly sequence: number;
  readonly counts: TaskCounts;
  /** The counts as they stood when the current pass began. */
  readonly baseline: TaskCounts;
  readonly conditions: readonly Condition[];
  readonly error: ErrorReport | undefined;
  /** Failed passes in a row that were nobody's waiting: spent before a dead letter. */
  readonly attempts: number;
  /** When something was last seen to move. */
  readonly progressAt: number;
  readonly because: string | undefined;
  /** When the next pass is due; for people. */
  readonly nextAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly version: number;
}
