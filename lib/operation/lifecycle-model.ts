import type { OperationId } from '../../events/ids.ts';

/** The command of an administrator that requested a suspend, a resume or a provision. */
export interface LifecycleRequest {
  readonly by: string;
  readonly reason: string;
  /**
   * Provision only: the profile that the command names. This profile replaces the profile of the
   * policy.
   */
  readonly profile?: string | undefined;
  /** Provision only: true if existing resources and settings with other values are also changed. */
  readonly reconcile?: boolean | undefined;
}

/**
 * The desired state of a provision operation. The operation reads it from the policy once, at
 * Keystone's first answer.
 */
export interface DesiredState {
  readonly profile: string;
  readonly reconcile: boolean;
  /** The sections of the profile, by service. */
  readonly sections: Readonly<Record<string, unknown>>;
}

/**
 * The decision of the policy about an operation, and fields that only suspend, resume and provision
 * operations have.
 */
export interface Lifecycle {
  /**
   * Set when an administrator requested the operation by a command. The policy then does not apply.
   */
  readonly request?: LifecycleRequest | undefined;
  /** True if this operation superseded an open suspend or resume operation. */
  readonly hasSuperseded?: boolean | undefined;
  /** The number of the rule in the policy file that decided about the operation. */
  readonly rule?: number | undefined;
  /**
   * Suspend only: the options of each service in the policy file at the time of Keystone's first
   * answer.
   */
  readonly options?: Readonly<Record<string, readonly string[]>> | undefined;
  /**
   * Epoch milliseconds. Before this time a run of a superseded operation may still make its last
   * call. Only a listing after this time proves that this operation has reached its goal.
   */
  readonly settleAt?: number | undefined;
  /** Provision only: the items that the project must have. */
  readonly provision?: DesiredState | undefined;
  /**
   * Resume only: the canceled or refused deletion whose suspension this operation undoes. The
   * account may have been disabled before that deletion was requested, so a disabled account does
   * not end this operation.
   */
  readonly undoes?: OperationId | undefined;
}
