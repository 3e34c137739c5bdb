import type { OperationId, ProjectId } from '../../events/ids.ts';

/** The approval of a plan by a person. */
export interface Approval {
  readonly by: string;
  readonly at: number;
}

/**
 * The approved plan that binds a cleanup. The cleanup may remove the resources in the plan, and at
 * most `allowedDrift` others.
 */
export interface ApprovedPlan {
  /** The operation that made the plan. */
  readonly of: OperationId;
  /** SHA-256 over the entries of the plan, in hexadecimal. */
  readonly digest: string;
  /** The number of resources that may be removed although the plan does not list them. */
  readonly allowedDrift: number;
  readonly approvals: readonly Approval[];
  /** The decision of a person to also remove the resources beyond `allowedDrift`. */
  readonly driftAccepted?:
    | { readonly by: string; readonly reason: string; readonly at: number }
    | undefined;
}

/** A project of a domain in a plan of the domain, and in the operation that carries it out. */
export interface DomainPlanEntry {
  readonly id: ProjectId;
  readonly name?: string | undefined;
  /** The parent project, in the same domain. */
  readonly parentId?: ProjectId | undefined;
  /** The operation that lists the project. Absent when the project is protected. */
  readonly planId?: OperationId | undefined;
  /** The reason if the project is protected. Its domain is then not deleted either. */
  readonly protectedBecause?: string | undefined;
  /** Absent in older plans. False: the project was disabled when the plan was made. */
  readonly enabled?: boolean | undefined;
  /** Set by the approval: the part of the approved plan that binds the cleanup of the project. */
  readonly plan?: ApprovedPlan | undefined;
}
