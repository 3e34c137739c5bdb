import type { Cause } from '../../events/account.ts';
import type { DomainId, OperationId, ProjectId, UserId } from '../../events/ids.ts';
import type { KeystoneAction } from './keystone-action-model.ts';
import type { KeystoneCheck } from './keystone-check.ts';
import type { ApprovedPlan, DomainPlanEntry } from './plan-model.ts';
import type { Recovery } from './recovery-model.ts';
import type { PlannedTask } from './task-model.ts';

export * from './keystone-action-model.ts';
export * from './plan-model.ts';
export * from './recovery-model.ts';
export * from './task-model.ts';

/** `observe`: count resources and change nothing. `enforce`: remove resources. */
export type Mode = 'observe' | 'enforce';

/**
 * The states of an operation:
 * - `confirming`: Keystone confirms the change twice, the grace period passes, and phase `plan`
 *   runs.
 * - `held`: a cap, a protection or an open question stopped the operation. A person must release
 *   it.
 * - `recoverable`: the recovery window of a requested deletion. The account is disabled and
 *   suspended, and a cancellation enables and resumes it. No resource is removed.
 * - `pre-delete`: an administrator requested the deletion of an existing project. The types that
 *   need the project are removed first.
 * - `running`: the tasks clean up the services.
 * - `waiting`: the operation of a domain waits for the operations of its projects.
 * - `closing`: all services are empty, and Keystone deletes the project.
 * - `finished`, `observed` (mode `observe`: only counted), `superseded` (a newer operation replaced
 *   it) and `canceled` (by a person) are end states.
 * - `refused`: an end state. Usually Keystone still shows the account.
 * - `unverified`: an end state. Resources may be left, because a service was unreachable or the
 *   catalog has a type that no service covers.
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
 * `provision` follows from a creation, `suspend` from a disable, `resume` from an enable, `cleanup`
 * from a deletion. `plan` only lists the resources that a cleanup would remove.
 */
export const ACTIONS = ['cleanup', 'suspend', 'resume', 'provision', 'plan'] as const;
export type Action = (typeof ACTIONS)[number];
export type LifecycleAction = 'suspend' | 'resume';

/** The administrator who requested an operation by a command, with the reason and the options. */
export interface LifecycleRequest {
  readonly by: string;
  readonly reason: string;
  /** Provision only: the profile that the command names. It replaces the profile of the policy. */
  readonly profile?: string | undefined;
  /** Provision only: true if existing resources and settings with other values are also changed. */
  readonly reconcile?: boolean | undefined;
}

/** The desired state of a provision operation, as of Keystone's first answer. */
export interface DesiredState {
  readonly profile: string;
  readonly reconcile: boolean;
  /** The sections of the profile, by service. */
  readonly sections: Readonly<Record<string, unknown>>;
}

/**
 * The decision of the policy, and fields that only suspend, resume and provision operations have.
 */
export interface Lifecycle {
  /**
   * Set when an administrator requested the operation by a command. The policy then does not apply.
   */
  readonly asked?: LifecycleRequest | undefined;
  /** True if this operation superseded an open operation of the opposite action. */
  readonly hasSuperseded?: boolean | undefined;
  /** The number of the rule in the policy file that decided. */
  readonly rule?: number | undefined;
  /** The options of the policy file for each service when Keystone confirmed the suspension. */
  readonly options?: Readonly<Record<string, readonly string[]>> | undefined;
  /**
   * Epoch milliseconds. Before this time a run of a superseded operation may still make its last
   * call. Only a listing after this time proves the end.
   */
  readonly settleAt?: number | undefined;
  /** Provision only. */
  readonly provision?: DesiredState | undefined;
  /**
   * Resume only: the canceled deletion whose suspension is undone. The project was disabled before
   * the deletion was requested, so a disabled project does not end the operation.
   */
  readonly undoes?: OperationId | undefined;
}

/** A project. `members`: the users with a role on it, recorded before its deletion. */
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

/** The request of an administrator for the cleanup of an account that Keystone still has. */
export interface CleanupRequest {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  /**
   * True if Keystone showed the account as enabled. The administrator then confirmed the account by
   * its name.
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
  /** The type in Keystone. A waiver names this type. */
  readonly type: string;
  readonly name: string;
  readonly region?: string;
  /** The reason. Absent when the catalog has the type and no service covers it. */
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

/** The reason why an operation is stopped, and the advice for the operator. */
export interface Hold {
  readonly reason: string;
  readonly since: number;
  readonly advice: string;
  readonly about?: 'cap' | 'keystoneAction' | 'leftovers' | 'listing' | 'drift' | 'enabled';
}

/** One account change in all services. All times are epoch milliseconds. */
export interface Operation {
  readonly id: OperationId;
  readonly action: Action;
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
  /** The number of the latest question to Keystone. */
  readonly confirmation: number;
  /** No removal begins before this time. */
  readonly notBefore: number;
  readonly order: readonly PlannedTask[];
  /** Domains only: the operations of its projects. */
  readonly children: readonly OperationId[];
  /** Why the operation is stopped. `about` decides how the operation continues after a release. */
  readonly hold: Hold | undefined;
  /** Set when an administrator requested the operation. */
  readonly request: CleanupRequest | undefined;
  /** Set when a person ran an ended operation again. */
  readonly rerun: Rerun | undefined;
  /**
   * Another deletion of the same account, announced during this operation. When this operation
   * ends, the next one opens for that deletion.
   */
  readonly next: Cause | undefined;
  /** The last Keystone action, done or not. */
  readonly keystoneAction: KeystoneAction | undefined;
  /**
   * The roles that the propagator assigns to itself on the existing project and revokes afterwards.
   */
  readonly roles: readonly string[];
  readonly uncovered: readonly UncoveredRegistration[];
  readonly leftOut: readonly ExcludedRegion[];
  /** The waivers that applied at the end. */
  readonly waived: readonly Waiver[];
  /** The release by a person. */
  readonly released:
    | { readonly by: string; readonly reason: string; readonly at: number }
    | undefined;
  readonly openedAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Set for suspend, resume and provision, and for a cleanup under a rule of the policy. */
  readonly lifecycle?: Lifecycle | undefined;
  /** Set when a cleanup carries out an approved plan. */
  readonly plan?: ApprovedPlan | undefined;
  /** Domains only, in a plan or a requested deletion: the tree of projects, the deepest first. */
  readonly projects?: readonly DomainPlanEntry[] | undefined;
  /** Projects of a requested domain only: true while projects below it are not deleted. */
  readonly waitsBelow?: boolean | undefined;
  /** Domains only: true if a project was deleted although resources of it may be left. */
  readonly isUnverified?: boolean | undefined;
  /**
   * Set when the deletion was requested with a recovery window. The field is kept after the window.
   */
  readonly recovery?: Recovery | undefined;
  /**
   * A cancellation that the API has accepted and the operation has not applied yet. The operation
   * waits for the message of the cancellation, or for the end of a call to Keystone that disables
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
