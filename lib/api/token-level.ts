import type { TokenFacts, TokenScope } from '../openstack/token-validation.ts';
import { LEVELS, type Level } from './access.ts';

/** The rules for tokens of Keystone: the accepted scopes, and the roles of each level. */
export interface AccessPolicy {
  /** Role names by level. A higher level includes the lower levels. */
  readonly roles: Readonly<Record<Level, readonly string[]>>;
  /** The accepted scopes: `system`, `project:ID` and `domain:ID`. */
  readonly scopes: readonly string[];
}

export type TokenLevel =
  | { readonly kind: 'accepted'; readonly level: Level }
  | { readonly kind: 'refused'; readonly message: string; readonly advice: string };

/**
 * The level of a valid token. A role counts only in an accepted scope, because with secure RBAC a
 * customer may have the role `admin` on a project.
 */
export function tokenLevelOf(facts: TokenFacts, policy: AccessPolicy): TokenLevel {
  if (facts.isDelegated)
    return refusedToken(
      'a token of a trust or of OAuth is not accepted, because it may name a user other than ' +
        'the caller',
      'Log in with a password or an application credential.',
    );
  const scope = scopeText(facts.scope);
  if (!policy.scopes.includes(scope))
    return refusedToken(
      `${scopeDescriptions[facts.scope.kind](scope)}, and the API accepts only ` +
        policy.scopes.join(', '),
      'Log in with an accepted scope, for example OS_SYSTEM_SCOPE=all. The setting ' +
        'PROPAGATOR_API_SCOPES of the propagator names the accepted scopes.',
    );
  const level = LEVELS.findLast((one) =>
    policy.roles[one].some((role) => facts.roles.includes(role)),
  );
  if (level !== undefined) return { kind: 'accepted', level };
  return refusedToken(
    `the user ${facts.user.id} has none of the roles for the API on ${scope}`,
    `Assign one of these roles: ${LEVELS.flatMap((one) => policy.roles[one]).join(', ')}.`,
  );
}

const scopeText = (scope: TokenScope): string =>
  scope.kind === 'project' || scope.kind === 'domain' ? `${scope.kind}:${scope.id}` : scope.kind;

const scopeDescriptions: Readonly<Record<TokenScope['kind'], (scope: string) => string>> = {
  none: () => 'the token has no scope',
  system: () => 'the token has system scope',
  project: (scope) => `the token is scoped to ${scope}`,
  domain: (scope) => `the token is scoped to ${scope}`,
};

const refusedToken = (message: string, advice: string): TokenLevel => ({
  kind: 'refused',
  message,
  advice,
});
