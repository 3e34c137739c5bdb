import { allowedDrift, type DriftLimit } from './drift.ts';
import type { Approval, ApprovedPlan, Operation } from './model.ts';
import { isCompletePlan, type Plan } from './plan.ts';

/** The settings that decide which plans need two approvals. */
export interface TwoApproverRules {
  /** True if every plan of a domain needs two approvals. */
  readonly domain: boolean;
  /** A plan that lists more resources than this number needs two approvals. */
  readonly resources: number | undefined;
  /** A plan that includes a project with one of these tags in Keystone needs two approvals. */
  readonly tags: readonly string[];
}

/** The settings about approvals. */
export interface ApprovalRules {
  readonly twoApprovers: TwoApproverRules;
  readonly drift: DriftLimit;
}

/** The stored approvals of a plan. */
export interface StoredApprovals {
  readonly approvals: readonly Approval[];
  /** The id of the operation that carries out the plan; `undefined` before. */
  readonly opened: string | undefined;
}

/** Returns why the plan needs two approvals, or `undefined` if it needs one. */
export function whyTwoApprovals(
  { scope, resources }: Pick<Plan, 'scope' | 'resources'>,
  tags: readonly string[],
  { domain, resources: maxResources, tags: protectedTags }: TwoApproverRules,
): string | undefined {
  if (scope.type === 'domain' && domain) return 'it is a domain';
  if (maxResources !== undefined && resources > maxResources)
    return `it lists ${resources} resources, more than ${maxResources}`;
  const tag = tags.find((one) => protectedTags.includes(one));
  if (tag === undefined) return undefined;
  return `${scope.type === 'domain' ? 'a project of it' : 'the project'} has the tag ${tag}`;
}

/**
 * True if the settings require two approvals for some plans. A request to delete a project without
 * an approved plan is then refused, because it would bypass these approvals.
 */
export const requiresPlans = ({ domain, resources, tags }: TwoApproverRules): boolean =>
  domain || resources !== undefined || tags.length > 0;

/** The approval of a plan by a person, and the data that decides about it. */
export interface ApprovalInput {
  readonly operation: Operation;
  readonly plan: Plan;
  readonly stored: StoredApprovals;
  readonly by: string;
  readonly digest: string;
  /** The tags of the project in Keystone. */
  readonly tags: readonly string[];
  readonly rules: ApprovalRules;
  readonly now: number;
}

/**
 * Returns the id out of `NAME (ID)`, the text that identifies a caller. The id does not change when
 * a Keystone user is renamed, so a renamed user does not count as a second person. For a caller
 * without an id, returns the name.
 */
const personOf = (by: string): string => /\(([^()]+)\)$/.exec(by)?.[1] ?? by;

/** The result of an approval. */
export type ApprovalAnswer =
  /** The plan may be carried out. */
  | { readonly kind: 'approved'; readonly plan: ApprovedPlan }
  /** The approval is recorded. Another person must also approve the plan. */
  | { readonly kind: 'recorded'; readonly approvals: readonly Approval[]; readonly because: string }
  | { readonly kind: 'refused'; readonly because: string; readonly advice?: string };

/**
 * Decides about the approval of a plan. The digest proves that the person saw this plan. If the
 * settings require two approvals, two persons other than the requester must approve the plan.
 */
export function decideApproval(input: ApprovalInput): ApprovalAnswer {
  const { operation, plan, stored, by, rules } = input;
  const { id } = operation;
  const { digest } = plan;
  const refusal = approvalRefusal(operation, plan, stored);
  if (refusal) return refusal;
  if (digest === undefined || input.digest !== digest)
    return {
      kind: 'refused',
      because: `the digest does not match the plan ${id}, so you read another plan`,
      advice: `Read the plan and its digest again: propagator operation show ${id} --resources`,
    };
  const whyTwo = whyTwoApprovals(plan, input.tags, rules.twoApprovers);
  if (whyTwo !== undefined && personOf(by) === personOf(plan.requestedBy))
    return {
      kind: 'refused',
      because: `the plan ${id} needs two approvals, because ${whyTwo}, and you requested it`,
      advice: 'Two other persons must approve it.',
    };
  if (stored.approvals.some((one) => personOf(one.by) === personOf(by)))
    return {
      kind: 'refused',
      because: `you approved the plan ${id} already`,
      advice: 'Another person must approve it, too.',
    };
  const approvals = [...stored.approvals, { by, at: input.now }];
  if (whyTwo !== undefined && approvals.length < 2)
    return { kind: 'recorded', approvals, because: `it needs two approvals, because ${whyTwo}` };
  return {
    kind: 'approved',
    plan: {
      of: id,
      digest,
      allowedDrift: allowedDrift(rules.drift, plan.resources),
      approvals,
    },
  };
}

/**
 * Returns a refusal if the operation is not a complete plan, or if another operation already
 * carries out the plan.
 */
function approvalRefusal(
  operation: Operation,
  plan: Plan,
  stored: StoredApprovals,
): Extract<ApprovalAnswer, { kind: 'refused' }> | undefined {
  const { id } = operation;
  if (operation.action !== 'plan')
    return {
      kind: 'refused',
      because: `${id} is a ${operation.action}, and only a plan can be approved`,
      advice:
        operation.scope.type === 'user'
          ? 'Only a plan for a project or a domain can be approved.'
          : `Plan first: propagator ${operation.scope.type} plan ${operation.scope.id}`,
    };
  if (!isCompletePlan(operation) || plan.digest === undefined)
    return {
      kind: 'refused',
      because: `the plan ${id} is ${operation.state}, and only a complete plan can be approved`,
      advice: `See: propagator operation show ${id}`,
    };
  if (stored.opened !== undefined)
    return {
      kind: 'refused',
      because: `the plan ${id} was approved already: ${stored.opened} carries it out`,
      advice: `See: propagator operation show ${stored.opened}`,
    };
  return undefined;
}
