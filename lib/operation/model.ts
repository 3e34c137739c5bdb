import type { Cause } from '../../events/account.ts';
import type { DomainId, OperationId, ProjectId, UserId } from '../../events/ids.ts';
import type { KeystoneAction } from './keystone-action-model.ts';
import type { KeystoneCheck } from './keystone-check.ts';
import type { BoundPlan, DomainMember } from './plan-model.ts';
import type { Recovery } from './recovery-model.ts';
import type { PlannedTask } from './task-model.ts';

export * from './keystone-action-model.ts';
export * from './plan-model.ts';
export * from './recovery-model.ts';
export * from './task-model.ts';

/** `observe`: count and change nothing. `enforce`: remove. */
export type Mode = 'observe' | 'enforce';

/**
 * `confirming`: Keystone confirms the change twice, the grace period passes, and phase `plan` runs.
 * `held`: a cap, a protection or an open question stopped the operation, and a person must release
 * it. `pre-delete`: an administrator requested the cleanup of an existing project, and the types
 * that need the project are removed first. `recoverable`: an administrator requested the deletion
 * with a recovery window. The account is disabled and suspended, nothing is removed before the end
 * of the window, and a cancellation puts everything back. `running`: the tasks clean up the
 * services. `waiting`: a domain waits for its projects. `closing`: everything is empty, and
 * Keystone deletes the project. Ends: `finished`, `observed` (mode observe: counted, nothing
 * changed), `refused` (Keystone still shows the account), `unverified` (a service was unreachable,
 * or the catalog has a type that no service covers, so it is unknown which resources remain),
 * `canceled` (by a person).
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
export const ENDED: readonly OperationState[] = [
  'finished',
  'observed',
  'refused',
  'unverified',
  'superseded',
  'canceled',
];

/**
 * `provision` follows from a creation, `suspend` from a disable, `resume` from an enable, `cleanup`
 * from a deletion. `plan` lists what a cleanup would remove, and changes nothing.
 */
export const ACTIONS = ['cleanup', 'suspend', 'resume', 'provision', 'plan'] as const;
export type Action = (typeof ACTIONS)[number];
export type LifecycleAction = 'suspend' | 'resume';

/** The administrator who asked for an operation by a command. */
export interface AskedBy {
  readonly by: string;
  readonly reason: string;
  /** Provision only: the profile that the command names, instead of the one of the policy. */
  readonly profile?: string | undefined;
  /**
   * Provision only: true if resources and settings that exist with other values are changed, too.
   */
  readonly reconcile?: boolean | undefined;
}

/** The desired state that a provision operation brings about, as it was at the first answer. */
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
  /** Set when an administrator asked for it by a command. The policy then does not apply. */
  readonly asked?: AskedBy | undefined;
  /** True if this operation superseded one of the opposite action that had not ended. */
  readonly hasSuperseded?: boolean | undefined;
  /** The number of the rule in the policy file that decided. */
  readonly rule?: number | undefined;
  /** The options of the policy file for each service when Keystone confirmed the suspension. */
  readonly options?: Readonly<Record<string, readonly string[]>> | undefined;
  /**
   * Epoch milliseconds. Until then a run of a superseded operation may still make its last call, so
   * only a later listing proves the end.
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

/** The request of an administrator for the cleanup of an account that Keystone still has. */
export interface Request {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  /**
   * True if Keystone showed the account as enabled, and the administrator confirmed it by its name.
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

/** A region that the settings exclude. Its resources are intentionally not cleaned up. */
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
  /** Set for suspend, resume and provision, and for a cleanup that a rule of the policy decided. */
  readonly lifecycle?: Lifecycle | undefined;
  /** Set when a cleanup carries out an approved plan. */
  readonly plan?: BoundPlan | undefined;
  /** Domains only, of a plan or of a request: the tree of projects, the deepest first. */
  readonly projects?: readonly DomainMember[] | undefined;
  /** Projects of a requested domain only: projects below it are not deleted yet. */
  readonly waitsBelow?: boolean | undefined;
  /** Domains only: a project was deleted although something of it may be left. */
  readonly isUnverified?: boolean | undefined;
  /** Set when the deletion was requested with a recovery window. It stays set after its end. */
  readonly recovery?: Recovery | undefined;
  /**
   * A cancellation that the API has accepted and the operation has not yet applied. Its message may
   * come later, or it waits until a call to Keystone has ended. Such a call disables the account in
   * a recovery window, or deletes it at the end.
   */
  readonly canceled?:
    | { readonly by: string; readonly reason: string; readonly at: number }
    | undefined;
  /** Action `plan` only: what would make Keystone refuse the deletion of the account. */
  readonly keystoneCheck?: KeystoneCheck | undefined;
  /** Optimistic lock: counts the writes. */
  readonly version: number;
}
