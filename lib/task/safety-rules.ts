import { mayBeSameId, type ProjectId, type UserId } from '../../events/ids.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { Resource } from './service.ts';

/**
 * The proof that the resources of an account may be removed (safety rule "Keystone decides"). One
 * of two facts is a proof:
 * - Keystone answered 404 for the account twice, with the confirmation interval between the answers
 *   ({@link Confirmation.fromAnswers});
 * - an administrator requested the deletion of this project ({@link Confirmation.fromRequest}).
 */
export class Confirmation {
  /** The confirmed project or user. */
  readonly account: ProjectId | UserId;
  /** Epoch milliseconds of the answers or of the request. */
  readonly times: readonly number[];
  private constructor(account: ProjectId | UserId, times: readonly number[]) {
    this.account = account;
    this.times = times;
  }

  /**
   * Returns the proof, or `undefined` if the answers are not enough. `answerTimes` are the times
   * (epoch milliseconds) of Keystone's 404s. At least `confirmationIntervalMillis` must lie between
   * the first and the last answer.
   */
  static fromAnswers(
    account: ProjectId | UserId,
    answerTimes: readonly number[],
    confirmationIntervalMillis: number,
  ): Confirmation | undefined {
    const times = answerTimes.toSorted((a, b) => a - b);
    const [first, last] = [times.at(0), times.at(-1)];
    if (
      times.length < 2 ||
      first === undefined ||
      last === undefined ||
      last - first < confirmationIntervalMillis
    )
      return undefined;
    return new Confirmation(account, times);
  }

  /**
   * Returns the proof for a request of an administrator. `requestedAt`: epoch milliseconds.
   * The caller must first check the request and the state of the project in Keystone.
   */
  static fromRequest(project: ProjectId, requestedAt: number): Confirmation {
    return new Confirmation(project, [requestedAt]);
  }
}

/**
 * Compares the owner of a row with the account (safety rule "Check the owner of every row").
 * `ours`: they are equal. `foreign`: they differ. `ownerless`: the row names no owner.
 */
export function ownershipOf(
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
   * The domains of the propagator's own project and of its own user. If one of these domains is
   * disabled, Keystone gives the propagator no token. Absent if the caller has not asked Keystone.
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
  ids.some((one) => mayBeSameId(one, id));

/** The account that {@link protectedBecause} checks, as far as the inventory knows it. */
interface CheckedAccount {
  readonly type: 'project' | 'domain' | 'user';
  readonly id: string;
  readonly name?: string;
  readonly domainId?: string;
}

/**
 * Returns why an account must not be cleaned up, or `undefined` if it may be cleaned up. If the
 * settings protect a domain, accounts without a recorded domain are also protected.
 */
export function protectedBecause(
  account: CheckedAccount,
  protection: Protection,
): string | undefined {
  if (account.type === 'domain') return domainProtection(account, protection);
  if (account.type === 'user') return protectionByDomain(account, protection);
  return projectProtectedBecause(account, protection);
}

function domainProtection(
  { id }: CheckedAccount,
  { domains, ownProjectDomain, ownUserDomain }: Protection,
): string | undefined {
  if (mayBeSameId(id, 'default')) return 'the default domain is never emptied';
  if (isAmong(id, domains)) return 'the settings protect this domain';
  if (ownUserDomain !== undefined && mayBeSameId(id, ownUserDomain))
    return 'the user of the propagator belongs to this domain';
  return ownProjectDomain !== undefined && mayBeSameId(id, ownProjectDomain)
    ? 'the project of the propagator belongs to this domain'
    : undefined;
}

function projectProtectedBecause(
  account: CheckedAccount,
  protection: Protection,
): string | undefined {
  const { domainId, id, name } = account;
  if (mayBeSameId(id, protection.ownProject))
    return 'it is the project that the propagator is logged in to';
  if (isAmong(id, protection.projects)) return 'the settings protect this project';
  const domainReason = protectionByDomain(account, protection);
  if (domainReason) return domainReason;
  return domainId === 'default' && name !== undefined && SERVICE_PROJECTS.includes(name)
    ? `projects named ${name} in the default domain belong to the cloud itself`
    : undefined;
}

/** Returns why a project or a user is protected because of its domain. */
function protectionByDomain(
  { domainId }: CheckedAccount,
  { domains }: Protection,
): string | undefined {
  if (domainId === undefined)
    return domains.length > 0
      ? 'its domain was never recorded, and some domains are protected'
      : undefined;
  return isAmong(domainId, domains) ? 'the settings protect its domain' : undefined;
}

/**
 * The last check before the first call of a run. Throws `PropagatorError` for the propagator's own
 * project (safety rule "Never the cloud's own").
 */
export function refuseOwnProject(project: ProjectId, ownProject: string, service: string): void {
  if (!mayBeSameId(project, ownProject)) return;
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
