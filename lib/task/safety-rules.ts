import { areAlike, type ProjectId, type UserId } from '../../events/ids.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { Resource } from './service.ts';

/**
 * Proof that resources may be removed (safety rule: a notification is a hint): Keystone itself
 * answered 404 for the account, twice and apart, or an administrator asked for its end by name.
 * Only `of` and `asked` make one.
 */
export class Confirmation {
  /** The project, or the user, that it is about. */
  readonly account: ProjectId | UserId;
  readonly at: readonly number[];
  private constructor(account: ProjectId | UserId, at: readonly number[]) {
    this.account = account;
    this.at = at;
  }

  /**
   * `answers` are the times (epoch milliseconds) of Keystone's 404s; the first and the last must be
   * at least `confirmationIntervalMillis` apart. Returns the proof, or `undefined` when it is not
   * proven.
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
   * An administrator asked for it at `at` (epoch milliseconds), and Keystone shows the project as
   * he said. The caller has seen to both.
   */
  static asked(project: ProjectId, at: number): Confirmation {
    return new Confirmation(project, [at]);
  }
}

/**
 * safety rule "check the owner of every row", as a verdict on one row: ours to the letter, somebody
 * else's, or nobody's (which is never ours).
 */
export function ownership(
  resource: Pick<Resource, 'owner'>,
  account: ProjectId | UserId,
): 'ours' | 'foreign' | 'ownerless' {
  if (resource.owner === undefined || resource.owner === '') return 'ownerless';
  return resource.owner === account ? 'ours' : 'foreign';
}

/**
 * What must never be emptied, whatever anybody says (safety rule: never the cloud itself). Names
 * are those of the inventory.
 */
export interface Protection {
  readonly projects: readonly string[];
  readonly domains: readonly string[];
  /** The project that the cleaner itself is logged in to. */
  readonly ownProject: string;
}

/**
 * The names that OpenStack's installers give to the project of the services themselves, in the
 * domain `default`.
 */
const SERVICE_PROJECTS = ['service', 'services', 'admin'];

/** As a database may compare ids: a protection that is written in capital letters counts, too. */
const isAmong = (id: string, ids: readonly string[]): boolean =>
  ids.some((one) => areAlike(one, id));

/**
 * safety rule: why this project must not be touched; `undefined` when it may be.
 * A project whose domain nobody recorded is protected as soon as any domain is.
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
    return isAmong(scope.id, protection.domains) ? 'the settings protect this domain' : undefined;
  }
  if (scope.type === 'user') {
    if (scope.domainId === undefined && protection.domains.length > 0)
      return 'its domain was never recorded, and some domains are protected';
    return scope.domainId !== undefined && isAmong(scope.domainId, protection.domains)
      ? 'the settings protect its domain'
      : undefined;
  }
  if (areAlike(scope.id, protection.ownProject))
    return 'it is the project that this cleaner is logged in to';
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
 * Last guard before the first call of a pass: throws rather than touch the cleaner's own project
 * (safety rule: never the cloud itself).
 */
export function refuseOwnProject(project: ProjectId, ownProject: string, service: string): void {
  if (!areAlike(project, ownProject)) return;
  throw new PropagatorError({
    code: 'safety rules.own-project',
    class: 'Denied',
    service,
    message:
      'The cleaner was asked to empty the project that it is logged in to; nothing was touched.',
    advice:
      'Find out who sent this request; give the cleaner a project of its own that nobody deletes.',
  });
}
