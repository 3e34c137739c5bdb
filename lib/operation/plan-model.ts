import type { OperationId, ProjectId } from '../../events/ids.ts';

/** The approval of a plan by a person. */
export interface Approval {
  readonly by: string;
  readonly at: number;
}

/**
 * The approved plan that a cleanup carries out. The cleanup may remove the resources in the plan,
 * and at most `allowedDrift` others.
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

/** One project in the plan of its domain, and in the operation that carries out this plan. */
export interface DomainPlanEntry {
  readonly id: ProjectId;
  readonly name?: string | undefined;
  /** The parent project, in the same domain. */
  readonly parentId?: ProjectId | undefined;
  /** The operation that makes the plan of the project. Absent when the project is protected. */
  readonly planId?: OperationId | undefined;
  /** The reason if the project is protected. Its domain is then not deleted either. */
  readonly protectedBecause?: string | undefined;
  /** Absent in older plans. False: the project was disabled when the plan was made. */
  readonly enabled?: boolean | undefined;
  /** Set by the approval: the part of the approved plan for the cleanup of the project. */
  readonly plan?: ApprovedPlan | undefined;
}
