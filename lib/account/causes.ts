/**
 * Why a project or a user is suspended. An account without causes is active. Keystone gives no
 * tokens if the account or its domain is disabled. A disabled domain is a separate cause, because
 * Keystone does not change the state of the domain's projects and users. An operator may also hold
 * a project suspended, independently of its state in Keystone.
 */
export type SuspensionCause =
  | { readonly kind: 'project-disabled' }
  | { readonly kind: 'user-disabled' }
  | { readonly kind: 'domain-disabled'; readonly domainId: string }
  | ({ readonly kind: 'pending-deletion' } & PendingDeletion)
  | {
      readonly kind: 'operator-hold';
      readonly by: string;
      readonly reason: string;
      /** The time (ISO 8601) when Keystone reported the project enabled during the hold. */
      readonly enabledAt?: string | undefined;
    };

/** A deletion that an administrator requested, and whose recovery window has not ended. */
export interface PendingDeletion {
  /** Set if the whole domain of the account is to be deleted. */
  readonly domainId?: string | undefined;
  readonly operationId: string;
  readonly by: string;
  readonly reason: string;
}

/** The facts about a project or a user that decide whether it is suspended. */
export interface CauseFacts {
  /** Default `project`. */
  readonly type?: 'project' | 'user';
  readonly enabled: boolean;
  /** The domain of the account; `undefined` if Keystone shows none. */
  readonly domain: { readonly id: string; readonly enabled: boolean } | undefined;
  /** The hold of an operator, if there is one. */
  readonly hold:
    | { readonly by: string; readonly reason: string; readonly enabledAt?: string | undefined }
    | undefined;
  readonly pendingDeletion?: PendingDeletion | undefined;
}

/** Returns all causes for which the account is suspended. */
export function causesOf({
  type = 'project',
  enabled,
  domain,
  hold,
  pendingDeletion,
}: CauseFacts): SuspensionCause[] {
  const causes: SuspensionCause[] = [];
  if (!enabled) causes.push({ kind: `${type}-disabled` });
  if (domain?.enabled === false) causes.push({ kind: 'domain-disabled', domainId: domain.id });
  if (pendingDeletion) causes.push({ kind: 'pending-deletion', ...pendingDeletion });
  if (hold) {
    const { by, reason, enabledAt } = hold;
    causes.push({ kind: 'operator-hold', by, reason, enabledAt });
  }
  return causes;
}

/** Returns the causes as one text for an operator. */
export const describeCauses = (causes: readonly SuspensionCause[]): string =>
  causes.length === 0
    ? 'it and its domain are enabled, and no operator holds it suspended'
    : causes.map(describeCause).join('; ');

function describeCause(cause: SuspensionCause): string {
  if (cause.kind === 'project-disabled') return 'the project is disabled';
  if (cause.kind === 'user-disabled') return 'the user is disabled';
  if (cause.kind === 'domain-disabled') return `its domain ${cause.domainId} is disabled`;
  if (cause.kind === 'pending-deletion')
    return (
      `${cause.operationId} deletes ${cause.domainId ? 'its domain' : 'it'} later, ` +
      `as ${cause.by} requested: ${cause.reason}`
    );
  const { by, reason, enabledAt } = cause;
  const enabled =
    enabledAt === undefined
      ? ''
      : ` (Keystone reported it enabled on ${enabledAt}, perhaps because a manager of its ` +
        'domain enabled it; it stays suspended)';
  return `${by} holds it suspended: ${reason}${enabled}`;
}

/** True for a cause that is the decision of a person and not a state in Keystone. */
export const isDecisionOfPerson = ({ kind }: SuspensionCause): boolean =>
  kind === 'operator-hold' || kind === 'pending-deletion';

/**
 * True if the causes require the action: `suspend` requires a cause, and `resume` requires that
 * there is none. `undoes`: for a resume after a canceled or refused deletion, the id of this
 * deletion. Such a resume ignores the state in Keystone. Only the decision of a person prevents it.
 */
export const causesRequire = (
  { action, undoes }: { readonly action: string; readonly undoes?: string | undefined },
  causes: readonly SuspensionCause[],
): boolean => {
  const relevantCauses = undoes === undefined ? causes : causes.filter(isDecisionOfPerson);
  return (action === 'suspend') === relevantCauses.length > 0;
};
