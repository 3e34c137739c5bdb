import type { Approval, ApprovedPlan, Operation } from './model.ts';
import { allowedDrift, type DriftLimit, isComplete, type Plan } from './plan.ts';

/** The plans that need two approvals. The settings name them. */
export interface TwoApproverRules {
  /** Every plan of a domain. */
  readonly domain: boolean;
  /** A plan that lists more than this number of resources. */
  readonly resources: number | undefined;
  /** A project with one of these tags in Keystone. */
  readonly tags: readonly string[];
}

/** The rules of the settings about approvals. */
export interface ApprovalRules {
  readonly twoApprovers: TwoApproverRules;
  readonly drift: DriftLimit;
}

/** The approvals of a plan that are stored, and the operation that carries it out. */
export interface Approvals {
  readonly approvals: readonly Approval[];
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
 * True if the settings require two approvals of some plans. A request without a plan is then
 * refused.
 */
export const requiresPlans = ({ domain, resources, tags }: TwoApproverRules): boolean =>
  domain || resources !== undefined || tags.length > 0;

/** The approval of a person. */
export interface ApprovalInput {
  readonly operation: Operation;
  readonly plan: Plan;
  readonly stored: Approvals;
  readonly by: string;
  readonly digest: string;
  /** The tags of the project in Keystone. */
  readonly tags: readonly string[];
  readonly rules: ApprovalRules;
  readonly now: number;
}

/**
 * Returns the id of a caller in the form `NAME (ID)`. A renamed Keystone user therefore does not
 * count as two persons. A caller without an id is identified by name.
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
  if (operation.action !== 'plan')
    return {
      kind: 'refused',
      because: `${id} is a ${operation.action}, and only a plan can be approved`,
      advice:
        operation.scope.type === 'user'
          ? 'Only a plan for a project or a domain can be approved.'
          : `Plan first: propagator ${operation.scope.type} plan ${operation.scope.id}`,
    };
  if (!isComplete(operation) || plan.digest === undefined)
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
  if (input.digest !== plan.digest)
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
      digest: plan.digest,
      allowedDrift: allowedDrift(rules.drift, plan.resources),
      approvals,
    },
  };
}
