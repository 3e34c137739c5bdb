import type { ErrorReport } from '../shared/errors.ts';

/** The answer of Keystone's policy about one permission of the propagator's user. */
export type Permission =
  | { readonly kind: 'granted' }
  /** `message`: Keystone's answer. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'unknown'; readonly because: string };

/** The facts that decide whether Keystone would disable and delete a project. */
export interface KeystoneFacts {
  readonly project: { readonly id: string; readonly enabled: boolean; readonly immutable: boolean };
  /** The domain of the project; `undefined` if Keystone does not show it to the propagator. */
  readonly domain:
    | { readonly id: string; readonly enabled: boolean; readonly immutable: boolean }
    | undefined;
  /** The projects directly below the project, enabled or not. */
  readonly children: readonly { readonly id: string; readonly name: string }[];
  readonly login: {
    readonly userId: string;
    readonly ownProject: string;
    readonly isAdmin: boolean;
    /**
     * True for a login with an application credential, which gives tokens only on the project of
     * the credential.
     */
    readonly isProjectBound: boolean;
  };
  /** A permission is `undefined` if it was not checked, because the decision does not need it. */
  readonly updatePermission: Permission | undefined;
  readonly revokeRolePermission: Permission | undefined;
  readonly deletePermission: Permission | undefined;
}

/** One reason why Keystone would refuse a Keystone action, and the command that removes it. */
export interface Refusal {
  readonly message: string;
  readonly advice: string;
}

/** The result of {@link checkKeystone}. */
export interface KeystoneCheck {
  /** Why Keystone actions would fail. Empty if no reason is known. */
  readonly refusals: readonly Refusal[];
  /** The permissions and facts that cannot be checked in advance. */
  readonly unknown: readonly string[];
}

/**
 * Returns all reasons why Keystone would refuse to give a token on the project, to disable it or to
 * delete it (safety rule "Know the end before the beginning"). The reasons come from Keystone's
 * source (`keystone/resource/core.py`, `assignment/core.py` and `common/policies/`, read for Zed
 * and 2026.2). The check ignores an immutable domain, an immutable role and the limits of the
 * project, because Keystone ignores them in these calls.
 */
export function checkKeystone(facts: KeystoneFacts): KeystoneCheck {
  const checks = [
    checkProject(facts),
    checkToken(facts),
    checkPermission(
      'disable the project',
      'identity:update_project',
      facts.updatePermission,
      facts,
    ),
    checkPermission(
      'revoke its role on the project',
      'identity:revoke_grant',
      facts.revokeRolePermission,
      facts,
    ),
    checkPermission('delete the project', 'identity:delete_project', facts.deletePermission, facts),
  ];
  return {
    refusals: checks.flatMap(({ refusals }) => refusals),
    unknown: checks.flatMap(({ unknown }) => unknown),
  };
}

/** Checks the project itself: Keystone deletes no immutable project, and no parent project. */
function checkProject({ children, project }: KeystoneFacts): KeystoneCheck {
  const refusals: Refusal[] = [];
  if (project.immutable) refusals.push(immutableProjectRefusal(project.id));
  if (children.length > 0) refusals.push(childProjectsRefusal(children));
  return { refusals, unknown: [] };
}

/**
 * Checks whether Keystone gives a token on the project. The cleanup of a disabled project uses no
 * token on the project, so nothing is checked.
 */
function checkToken({ domain, login, project }: KeystoneFacts): KeystoneCheck {
  if (!project.enabled) return { refusals: [], unknown: [] };
  const refusals: Refusal[] = [];
  if (domain && !domain.enabled) refusals.push(disabledDomainRefusal(project.id, domain));
  if (login.isProjectBound) refusals.push(projectBoundLoginRefusal(project.id));
  const unknown =
    domain === undefined
      ? ['Keystone does not show the domain of the project: the domain may be disabled']
      : [];
  return { refusals, unknown };
}

/** Checks one permission. `what`: the action for the message. `rule`: Keystone's policy rule. */
function checkPermission(
  what: string,
  rule: string,
  permission: Permission | undefined,
  { login, project }: KeystoneFacts,
): KeystoneCheck {
  if (permission?.kind === 'unknown')
    return {
      refusals: [],
      unknown: [`whether the propagator may ${what} (${rule}): ${permission.because}`],
    };
  if (permission?.kind !== 'refused') return { refusals: [], unknown: [] };
  // The project may have become immutable after it was read. Keystone then names the option
  // `immutable` in its message.
  const refusal = /\bimmutable\b/i.test(permission.message)
    ? immutableProjectRefusal(project.id)
    : deniedByPolicyRefusal(what, rule, permission.message, login);
  return { refusals: [refusal], unknown: [] };
}

/**
 * Returns the facts for a project that is deleted together with its domain. The child projects are
 * deleted first, so they are not a reason for a refusal. A project in a disabled domain counts as
 * disabled, because no user can work in the project.
 */
export const factsForDomainDeletion = (facts: KeystoneFacts): KeystoneFacts => ({
  ...facts,
  project: { ...facts.project, enabled: facts.project.enabled && facts.domain?.enabled !== false },
  children: [],
});

/** Joins several refusals into one. The list must not be empty. */
export function summarizeRefusals(refusals: readonly Refusal[]): Refusal {
  return {
    message: refusals.map(({ message }) => message).join('; '),
    advice: refusals.map(({ advice }) => advice).join(' '),
  };
}

/**
 * Returns the advice after Keystone refused a Keystone action. `refusals`: the result of a new
 * check. If the check finds the reason, the advice names the command that removes it. Otherwise the
 * advice refers to Keystone's message.
 */
export function adviceOnRefusal(error: ErrorReport, refusals: readonly Refusal[]): string {
  if (refusals.length > 0) {
    const { message, advice } = summarizeRefusals(refusals);
    return `${message[0]?.toUpperCase() ?? ''}${message.slice(1)}. ${advice}`;
  }
  const rule = /requested action: ?(identity:[a-z_]+)/.exec(error.message)?.[1];
  if (rule)
    return `Keystone's policy refuses it: let its rule ${rule} allow the propagator's user.`;
  return 'Clear the reason that Keystone gives in this message.';
}

const immutableProjectRefusal = (id: string): Refusal => ({
  message: `the project is immutable, so Keystone refuses to disable and to delete it`,
  advice: `Type: openstack project set --no-immutable ${id}`,
});

const MAX_NAMED_CHILDREN = 5;

function childProjectsRefusal(children: KeystoneFacts['children']): Refusal {
  const namedChildren = children.slice(0, MAX_NAMED_CHILDREN);
  const names = namedChildren.map(({ id, name }) => `${name} (${id})`);
  const ids = namedChildren.map(({ id }) => id);
  const unnamedCount = children.length - namedChildren.length;
  const subject = children.length === 1 ? '1 project is' : `${children.length} projects are`;
  return {
    message:
      `${subject} below it, and Keystone does not delete a project that has child projects: ` +
      `${names.join(', ')}${unnamedCount > 0 ? ` and ${unnamedCount} more` : ''}`,
    advice: `Check each of them and delete it first: openstack project delete ${ids.join(' ')}`,
  };
}

/**
 * In release Zed, Keystone refuses `openstack domain set --no-immutable`. The command for a project
 * also works with the id of a domain.
 */
function disabledDomainRefusal(
  project: string,
  domain: { id: string; immutable: boolean },
): Refusal {
  const clearImmutablePrefix = domain.immutable
    ? `openstack project set --no-immutable ${domain.id} && `
    : '';
  return {
    message: `its domain ${domain.id} is disabled, so Keystone gives no token on the project`,
    advice:
      `Type: ${clearImmutablePrefix}openstack domain set --enable ${domain.id} ` +
      `(or continue without a token on the project: openstack project set --disable ${project})`,
  };
}

const projectBoundLoginRefusal = (id: string): Refusal => ({
  message:
    'the propagator is logged in with an application credential, ' +
    'and Keystone gives such a login no token on another project',
  advice:
    `Let it log in with a password, or continue without a token on the project: ` +
    `openstack project set --disable ${id}`,
});

const deniedByPolicyRefusal = (
  what: string,
  rule: string,
  message: string,
  { userId, ownProject, isAdmin }: KeystoneFacts['login'],
): Refusal => ({
  message: `Keystone does not let the propagator's user ${userId} ${what}: ${message}`,
  advice: isAdmin
    ? 'The user has the role admin, so the policy file of Keystone refuses it: change its rule ' +
      `${rule}.`
    : `Type: openstack role add --user ${userId} --project ${ownProject} admin ` +
      `(or change the rule ${rule} in the policy file of Keystone)`,
});
