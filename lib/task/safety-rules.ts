import { areAlike, type ProjectId, type UserId } from '../../events/ids.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { Resource } from './service.ts';

/**
 * The proof that resources may be removed (safety rule "Keystone decides"). Keystone answered 404
 * for the account twice with the confirmation interval between the answers, or an administrator
 * requested the cleanup by name. `of` and `asked` create the proof.
 */
export class Confirmation {
  /** The confirmed project or user. */
  readonly account: ProjectId | UserId;
  readonly at: readonly number[];
  private constructor(account: ProjectId | UserId, at: readonly number[]) {
    this.account = account;
    this.at = at;
  }

  /**
   * Returns the proof, or `undefined` if the answers are not enough. `answers` are the times (epoch
   * milliseconds) of Keystone's 404s. At least `confirmationIntervalMillis` must lie between the
   * first and the last answer.
   */
  static of(
    account: ProjectId | UserId,
    answers: readonly number[],
    confirmationIntervalMillis: number,
  ): Confirmation | undefined {
    const at = [...answers].sort((a, b) => a - b);
    const [first, last] = [at.at(0), at.at(-1)];
    if (
      at.length < 2 ||
      first === undefined ||
      last === undefined ||
      last - first < confirmationIntervalMillis
    )
      return undefined;
    return new Confirmation(account, at);
  }

  /**
   * Returns the proof for a request of an administrator at `at` (epoch milliseconds). The caller
   * has checked the request and the state of the project in Keystone.
   */
  static asked(project: ProjectId, at: number): Confirmation {
    return new Confirmation(project, [at]);
  }
}

/**
 * Compares the owner of a row with the account (safety rule "Check the owner of every row").
 * `ours`: they are equal. `foreign`: they differ. `ownerless`: the row names no owner.
 */
export function ownership(
  resource: Pick<Resource, 'owner'>,
  account: ProjectId | UserId,
): 'ours' | 'foreign' | 'ownerless' {
  if (resource.owner === undefined || resource.owner === '') return 'ownerless';
  return resource.owner === account ? 'ours' : 'foreign';
}

/**
 * Accounts that must never be cleaned up (safety rule "Never the cloud's own"). The ids come from
 * the settings.
 */
export interface Protection {
  readonly projects: readonly string[];
  readonly domains: readonly string[];
  /** The project of the propagator's own login. */
  readonly ownProject: string;
  /**
   * The domains of the propagator's own project and of its own user. Keystone gives no token when
   * one of these domains is disabled. Absent if the caller has not asked Keystone.
   */
  readonly ownProjectDomain?: string | undefined;
  readonly ownUserDomain?: string | undefined;
}

/**
 * The names that installers of OpenStack give to the project of the services, in the domain
 * `default`.
 */
const SERVICE_PROJECTS = ['service', 'services', 'admin'];

/**
 * True if the list contains the id, or an id that a database may treat as equal (for example the
 * same id in capital letters).
 */
const isAmong = (id: string, ids: readonly string[]): boolean =>
  ids.some((one) => areAlike(one, id));

/**
 * Returns why an account must not be cleaned up, or `undefined` if it may be cleaned up. If the
 * settings protect a domain, accounts without a recorded domain are also protected.
 */
export function protectedBecause(
  scope: {
    readonly type: 'project' | 'domain' | 'user';
    readonly id: string;
    readonly name?: string;
    readonly domainId?: string;
  },
  protection: Protection,
): string | undefined {
  if (scope.type === 'domain') {
    if (areAlike(scope.id, 'default')) return 'the default domain is never emptied';
    if (isAmong(scope.id, protection.domains)) return 'the settings protect this domain';
    const { ownProjectDomain, ownUserDomain } = protection;
    if (ownUserDomain !== undefined && areAlike(scope.id, ownUserDomain))
      return 'the user of the propagator belongs to this domain';
    return ownProjectDomain !== undefined && areAlike(scope.id, ownProjectDomain)
      ? 'the project of the propagator belongs to this domain'
      : undefined;
  }
  if (scope.type === 'user') {
    if (scope.domainId === undefined && protection.domains.length > 0)
      return 'its domain was never recorded, and some domains are protected';
    return scope.domainId !== undefined && isAmong(scope.domainId, protection.domains)
      ? 'the settings protect its domain'
      : undefined;
  }
  if (areAlike(scope.id, protection.ownProject))
    return 'it is the project that the propagator is logged in to';
  if (isAmong(scope.id, protection.projects)) return 'the settings protect this project';
  if (scope.domainId !== undefined && isAmong(scope.domainId, protection.domains))
    return 'the settings protect its domain';
  if (scope.domainId === undefined && protection.domains.length > 0)
    return 'its domain was never recorded, and some domains are protected';
  if (
    scope.domainId === 'default' &&
    scope.name !== undefined &&
    SERVICE_PROJECTS.includes(scope.name)
  )
    return `projects named ${scope.name} in the default domain belong to the cloud itself`;
  return undefined;
}

/**
 * The last check before the first call of a run. Throws `PropagatorError` for the propagator's own
 * project (safety rule "Never the cloud's own").
 */
export function refuseOwnProject(project: ProjectId, ownProject: string, service: string): void {
  if (!areAlike(project, ownProject)) return;
  throw new PropagatorError({
    code: 'safety-rules.own-project',
    class: 'Denied',
    service,
    message:
      'The run was requested for the project that the propagator is logged in to. No resource ' +
      'was removed.',
    advice:
      'Find out which client sent this request. Use the project of the propagator only for its ' +
      'login.',
  });
}
