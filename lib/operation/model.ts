import type { Cause } from '../../events/account.ts';
import type { DomainId, OperationId, ProjectId, UserId } from '../../events/ids.ts';
import type { KeystoneAction } from './keystone-action-model.ts';
import type { KeystoneCheck } from './keystone-check.ts';
import type { Lifecycle } from './lifecycle-model.ts';
import type { ApprovedPlan, DomainPlanEntry } from './plan-model.ts';
import type { Recovery } from './recovery-model.ts';
import type { PlannedTask } from './task-model.ts';

export * from './keystone-action-model.ts';
export * from './lifecycle-model.ts';
export * from './plan-model.ts';
export * from './recovery-model.ts';
export * from './task-model.ts';

/** `observe`: count resources and change nothing. `enforce`: carry out the action. */
export type Mode = 'observe' | 'enforce';

/**
 * The states of an operation:
 * - `confirming`: Keystone confirms the change, the grace period passes, and the tasks count the
 *   resources (phase `plan`).
 * - `held`: a cap, drift, a failed Keystone action, possible leftovers or a doubtful list of
 *   Keystone stopped the operation. A person must release the operation.
 * - `recoverable`: the recovery window of a requested deletion. The account is disabled and
 *   suspended, and a cancellation enables and resumes it. No resource is removed.
 * - `pre-delete`: an administrator requested the deletion of an existing project. The resources
 *   that only a token on this project can remove are removed first.
 * - `running`: the tasks remove, suspend, resume or create the resources.
 * - `waiting`: the operation of a domain waits for the operations of its projects.
 * - `closing`: all tasks have ended, and the operation deletes the project or domain in Keystone.
 *
 * The end states:
 * - `finished`: for each service, a listing after the last call showed that nothing was left to do.
 * - `observed`: mode `observe`. The resources were counted, and nothing was changed.
 * - `refused`: Keystone does not confirm the change, or a rule or setting forbids the operation.
 * - `unverified`: resources may be left, because part of the cloud could not be listed or is not
 *   covered, or because a project of the domain was not deleted.
 * - `superseded`: the state in Keystone changed, or a newer operation replaced this one.
 * - `canceled`: a person, or the operation of the domain, canceled a requested deletion or a plan.
 */
export const OPERATION_STATES = [
  'recoverable',
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
  'superseded',
  'canceled',
] as const;
export type OperationState = (typeof OPERATION_STATES)[number];
/** The end states of an operation. */
export const ENDED_OPERATION_STATES: readonly OperationState[] = [
  'finished',
  'observed',
  'refused',
  'unverified',
  'superseded',
  'canceled',
];

/**
 * The change in Keystone decides the action: `provision` after a creation, `suspend` after a
 * disable, `resume` after an enable, `cleanup` after a deletion. `plan` only lists the resources
 * that a cleanup would remove.
 */
export const ACTIONS = ['cleanup', 'suspend', 'resume', 'provision', 'plan'] as const;
export type Action = (typeof ACTIONS)[number];
export type SuspendOrResume = 'suspend' | 'resume';

/** The account that an operation is about, with the data that services need. */
export type Scope =
  | {
      readonly type: 'project';
      readonly id: ProjectId;
      readonly name?: string;
      readonly domainId?: DomainId;
      /** The users with a role on the project, recorded before its deletion. */
      readonly members?: readonly UserId[];
    }
  | { readonly type: 'domain'; readonly id: DomainId; readonly name?: string }
  | {
      readonly type: 'user';
      readonly id: UserId;
      readonly name?: string;
      readonly domainId?: DomainId;
      /** The projects on which the user had a role, as far as the inventory recorded them. */
      readonly projects: readonly ProjectId[];
    };
export type ProjectScope = Extract<Scope, { type: 'project' }>;

/** The request of an administrator for the cleanup or the plan of an account that Keystone has. */
export interface CleanupRequest {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  /**
   * True if Keystone showed the account as enabled, at the request or when the operation last
   * recorded the state.
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

/**
 * A registration in Keystone that is not cleaned up, because it is unreachable or no service covers
 * its type.
 */
export interface UncoveredRegistration {
  /** The service type in Keystone. A waiver names this type. */
  readonly type: string;
  readonly name: string;
  readonly region?: string;
  /** Why it is not cleaned up. Absent for a type of the catalog that no service covers. */
  readonly because?: string;
  readonly advice?: string;
}

/** A region that the settings exclude. Its resources are intentionally not cleaned up. */
export interface ExcludedRegion {
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

/** Why an operation is stopped, waits or has ended, and the advice for the operator. */
export interface Hold {
  readonly reason: string;
  readonly since: number;
  readonly advice: string;
  /** The kind of the reason. It decides how the operation continues after a release. */
  readonly about?: 'cap' | 'keystoneAction' | 'leftovers' | 'listing' | 'drift' | 'enabled';
}

/**
 * The work in all services for one account change, or for one request of an administrator. All
 * times are epoch milliseconds.
 */
export interface Operation {
  readonly id: OperationId;
  readonly action: Action;
  readonly scope: Scope;
  /**
   * Counts the operations about this account, from 1. Cleanups, plans and provisions are counted
   * separately, suspends and resumes together. Each new deletion of the same id and each
   * rerun is a new generation.
   */
  readonly generation: number;
  readonly mode: Mode;
  readonly state: OperationState;
  readonly cause: Cause;
  /** Projects only: the operation about the domain of the project, if there is one. */
  readonly parentId: OperationId | undefined;
  /**
   * The times of Keystone's first and last answer that confirmed the change. For a deletion, these
   * are answers 404.
   */
  readonly confirmedAt: readonly number[];
  /** The number of the newest question to Keystone. Answers to earlier questions are ignored. */
  readonly confirmation: number;
  /** No removal begins before this time. */
  readonly notBefore: number;
  readonly order: readonly PlannedTask[];
  /** Domains only: the operations about the projects of the domain. */
  readonly children: readonly OperationId[];
  readonly hold: Hold | undefined;
  /** Set when an administrator requested the cleanup or the plan. */
  readonly request: CleanupRequest | undefined;
  /** Set when a person ran an ended operation again. */
  readonly rerun: Rerun | undefined;
  /**
   * The cause of another deletion of the same account that was announced during this operation.
   * When this operation ends, a new operation opens for that deletion.
   */
  readonly nextDeletion: Cause | undefined;
  /** The newest Keystone action of the operation, in progress or done. */
  readonly keystoneAction: KeystoneAction | undefined;
  /**
   * The roles that the propagator assigns to itself on the existing project and revokes afterwards.
   */
  readonly roles: readonly string[];
  readonly uncovered: readonly UncoveredRegistration[];
  readonly leftOut: readonly ExcludedRegion[];
  /** The waivers that covered leftovers when the operation ended. */
  readonly waived: readonly Waiver[];
  /** Set when a person released the operation. The caps then no longer apply. */
  readonly released:
    | { readonly by: string; readonly reason: string; readonly at: number }
    | undefined;
  readonly openedAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Set for suspend, resume, provision, and a cleanup about which a rule of the policy decided. */
  readonly lifecycle?: Lifecycle | undefined;
  /** Set when a cleanup carries out an approved plan. */
  readonly plan?: ApprovedPlan | undefined;
  /**
   * Plan or requested deletion of a domain only: all projects of the domain. Each project comes
   * after the projects below it.
   */
  readonly projects?: readonly DomainPlanEntry[] | undefined;
  /**
   * A project in the requested deletion of its domain only: true while projects below this project
   * are not deleted.
   */
  readonly waitsForChildProjects?: boolean | undefined;
  /**
   * Domains only: true if resources of a deleted project or of the deleted domain may be left. The
   * operation then ends `unverified`.
   */
  readonly isUnverified?: boolean | undefined;
  /** Set when the deletion was requested with a recovery window, also after the window's end. */
  readonly recovery?: Recovery | undefined;
  /**
   * A cancellation that the API has accepted and the operation has not applied yet. The operation
   * waits for the message `operation.canceled`, or for the end of a call to Keystone that disables
   * or deletes the account.
   */
  readonly canceled?:
    | { readonly by: string; readonly reason: string; readonly at: number }
    | undefined;
  /** Action `plan` only: why Keystone would refuse the deletion of the account. */
  readonly keystoneCheck?: KeystoneCheck | undefined;
  /** Optimistic lock: counts the writes. */
  readonly version: number;
}
