import type { UserAssignments } from '../task/user-assignments.ts';
import type { Policy, PolicyChange, Rule } from './schema.ts';

/**
 * The data of a project or a user that a rule can match. An unknown value is `undefined`. A user
 * has no parent and no tags.
 */
export interface AccountFacts {
  readonly id: string;
  readonly name: string | undefined;
  readonly domainId: string | undefined;
  readonly domainName: string | undefined;
  readonly parentId: string | undefined;
  readonly tags: readonly string[];
}

/** The decision of the policy about one change of an account. */
export interface PolicyDecision {
  readonly action: 'provision' | 'suspend' | 'resume' | 'cleanup' | 'none';
  /** The minimum delay in milliseconds; `undefined` if the rule names no delay. */
  readonly afterMillis: number | undefined;
  readonly mode: 'observe' | 'enforce';
  /** The number of the rule in the file, from 1; `undefined` if none matches. */
  readonly rule: number | undefined;
  /** Action `provision`: the name of the profile. */
  readonly profile?: string | undefined;
  /**
   * Action `provision`: true if the run also changes existing resources and settings that differ
   * from the profile.
   */
  readonly reconcile?: boolean;
  /** Action `provision` of a user: the roles and groups to assign. */
  readonly assignments?: UserAssignments;
}

/** The action of each change if no rule matches. */
const DEFAULT_ACTION = {
  'project.created': 'none',
  'project.disabled': 'suspend',
  'project.enabled': 'resume',
  'project.deleted': 'cleanup',
  'user.created': 'none',
  'user.disabled': 'suspend',
  'user.enabled': 'resume',
} as const satisfies Record<PolicyChange, PolicyDecision['action']>;

/**
 * The mode of each change if no rule matches. An operation for a change acts on resources only if
 * this mode and the setting `PROPAGATOR_MODE` are both `enforce`. Without a rule, a suspension
 * therefore only reports, while a resume or a cleanup of a project has the mode of the setting.
 */
const DEFAULT_MODE: Readonly<Record<PolicyChange, PolicyDecision['mode']>> = {
  'project.created': 'observe',
  'project.disabled': 'observe',
  'project.enabled': 'enforce',
  'project.deleted': 'enforce',
  'user.created': 'observe',
  'user.disabled': 'observe',
  'user.enabled': 'observe',
};

/**
 * Returns the decision of the policy about a change. The first rule that matches the account and
 * names the change decides.
 */
export function decideChange(
  policy: Policy,
  change: PolicyChange,
  facts: AccountFacts,
): PolicyDecision {
  const ruleIndex = policy.rules.findIndex((rule) => rule.on[change] && ruleMatches(rule, facts));
  const reaction = policy.rules[ruleIndex]?.on[change];
  if (!reaction)
    return {
      action: DEFAULT_ACTION[change],
      afterMillis: undefined,
      mode: DEFAULT_MODE[change],
      rule: undefined,
    };
  const { action, after, mode } = reaction;
  const decision = { action, afterMillis: after, mode, rule: ruleIndex + 1 };
  if ('roles' in reaction) {
    const { groups, roles } = reaction;
    return { ...decision, assignments: { groups, roles } };
  }
  if (!('profile' in reaction)) return decision;
  return { ...decision, profile: reaction.profile, reconcile: reaction.reconcile };
}

/** The recovery window that the policy names for a requested deletion. */
export interface RecoveryWindowDecision {
  readonly lengthMillis: number;
  /** For each reminder: the time from the reminder to the end of the window. */
  readonly remindMillis: readonly number[];
  /** The number of the rule in the file, from 1. */
  readonly rule: number;
}

/**
 * Returns the recovery window of a requested deletion. The first rule that matches the account and
 * names a window decides. Returns `undefined` if there is no such rule.
 */
export function decideRecoveryWindow(
  policy: Policy,
  facts: AccountFacts,
): RecoveryWindowDecision | undefined {
  const ruleIndex = policy.rules.findIndex((rule) => rule.deletion && ruleMatches(rule, facts));
  const deletion = policy.rules[ruleIndex]?.deletion;
  return (
    deletion && {
      lengthMillis: deletion.recoverFor,
      remindMillis: deletion.remind,
      rule: ruleIndex + 1,
    }
  );
}

/** True if the account has all properties that the rule's `match` names. */
export function ruleMatches({ match }: Rule, facts: AccountFacts): boolean {
  const { domain, parent, tags, name } = match;
  const includesAny = (
    values: readonly (string | undefined)[],
    accepted: string | readonly string[],
  ) => [accepted].flat().some((one) => values.includes(one));
  return (
    (domain === undefined || includesAny([facts.domainId, facts.domainName], domain)) &&
    (parent === undefined || includesAny([facts.parentId], parent)) &&
    (tags === undefined || tags.every((tag) => facts.tags.includes(tag))) &&
    (name === undefined || (facts.name !== undefined && regExpOf(name).test(facts.name)))
  );
}

/** Converts a pattern with `*` and `?` to a regular expression for the whole text. */
function regExpOf(pattern: string): RegExp {
  const parts = [...pattern].map((character) =>
    character === '*'
      ? '.*'
      : character === '?'
        ? '.'
        : character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&'),
  );
  return new RegExp(`^${parts.join('')}$`, 'su');
}
