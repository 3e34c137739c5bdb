import type { Cause } from '../../events/account.ts';
import { DomainId, ProjectId, UserId } from '../../events/ids.ts';
import type { Notification, RoleAssignment } from './notification.ts';

const ACCOUNT_TYPES = ['project', 'domain', 'user'] as const;
const CHANGE_TYPES = ['created', 'updated', 'deleted'] as const;
type AccountType = (typeof ACCOUNT_TYPES)[number];
type AccountChangeType = (typeof CHANGE_TYPES)[number];

/**
 * A notification about an account. It only suggests that the account has changed. Keystone and the
 * inventory decide what happened.
 */
export type AccountNotification = {
  readonly kind: 'account';
  readonly changeType: AccountChangeType;
  readonly cause: Cause;
} & (
  | { readonly type: 'project'; readonly id: ProjectId }
  | { readonly type: 'domain'; readonly id: DomainId }
  | { readonly type: 'user'; readonly id: UserId }
);
/**
 * A notification that shows a role of a user or a group: about a new role assignment, or about a
 * new application credential. After a project is deleted, Keystone no longer shows its role
 * assignments. The inventory therefore records in advance which users have a role on the project.
 * `inherited`: the role does not apply to the target, but to the projects below the target.
 */
export interface MembershipNotification {
  readonly kind: 'membership';
  readonly target:
    | { readonly type: 'project'; readonly id: ProjectId }
    | { readonly type: 'domain'; readonly id: DomainId };
  readonly inherited: boolean;
  /** Epoch milliseconds, as in a {@link Cause}. */
  readonly at: number;
  readonly assignee:
    | { readonly type: 'user'; readonly id: UserId }
    | { readonly type: 'group'; readonly id: string };
}
/** A notification that may report a change. */
export type ChangeNotification = AccountNotification | MembershipNotification;
/**
 * The interpretation of a notification: the change that it may report, or the reason why it is
 * ignored or unreadable.
 */
export type Interpretation =
  | ChangeNotification
  /**
   * A readable notification that has no effect. The name of its counter ends in `because`.
   */
  | { readonly kind: 'dropped'; readonly because: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

const ID_SCHEMAS = { project: ProjectId, domain: DomainId, user: UserId } as const;
/** The account type and the change by event type, for example by `identity.project.deleted`. */
const ACCOUNT_EVENTS: ReadonlyMap<
  string,
  { readonly type: AccountType; readonly changeType: AccountChangeType }
> = new Map(
  ACCOUNT_TYPES.flatMap((type) =>
    CHANGE_TYPES.map(
      (changeType) => [`identity.${type}.${changeType}`, { type, changeType }] as const,
    ),
  ),
);

const eventTypesOf = (...resources: string[]): string[] =>
  resources.flatMap((resource) =>
    CHANGE_TYPES.map((changeType) => `identity.${resource}.${changeType}`),
  );
/**
 * The known event types of Keystone that are ignored. Each of them has its own counter. All unknown
 * types share one counter, so that a sender cannot create arbitrary counters. The name `project
 * tag` has a space, as in Keystone.
 */
const IGNORED_EVENT_TYPES: ReadonlySet<string> = new Set([
  ...eventTypesOf(
    'group',
    'role',
    'region',
    'service',
    'endpoint',
    'policy',
    'credential',
    'OS-TRUST:trust',
    'project tag',
  ),
  ...eventTypesOf(
    'OS-OAUTH1:consumer',
    'OS-OAUTH1:access_token',
    'OS-OAUTH1:request_token',
    'application_credential',
    'access_rule',
  ),
  'identity.role_assignment.deleted',
  'identity.authenticate',
]);

/**
 * Returns the interpretation of a notification. `receivedAt` (epoch milliseconds) replaces an
 * unreadable timestamp.
 */
export function interpretNotification(
  notification: Notification,
  receivedAt: number,
): Interpretation {
  const { eventType } = notification;
  // CADF notifications also report failed attempts. A basic payload has no outcome, because
  // Keystone sends it only after a success.
  if (notification.outcome !== undefined && notification.outcome !== 'success')
    return droppedBecause('outcome');
  const accountEvent = ACCOUNT_EVENTS.get(eventType);
  if (accountEvent)
    return interpretAccount(notification, accountEvent.type, accountEvent.changeType, receivedAt);
  if (eventType === 'identity.role_assignment.created')
    return interpretRole(notification, receivedAt);
  // A user creates an application credential with a token on a project, and therefore has a role on
  // this project. A basic payload does not name the user, so such a notification is ignored.
  if (eventType === 'identity.application_credential.created')
    return interpretCredential(notification, receivedAt);
  return droppedBecause(IGNORED_EVENT_TYPES.has(eventType) ? eventType : 'unknown-event-type');
}

function interpretAccount(
  notification: Notification,
  type: AccountType,
  changeType: AccountChangeType,
  receivedAt: number,
): Interpretation {
  // If the password policy rejects a password change, Keystone still sends a notification of a
  // successful update, with a `reason`.
  if (type === 'user' && changeType === 'updated' && notification.hasReason)
    return droppedBecause('rejected-password-change');
  const id = ID_SCHEMAS[type].safeParse(notification.accountId);
  if (!id.success)
    return {
      kind: 'unreadable',
      reason: `${notification.eventType} names no account with a valid id`,
    };
  const cause = causeOf(notification, receivedAt);
  if (type === 'project')
    return { kind: 'account', type, id: ProjectId.parse(id.data), changeType, cause };
  if (type === 'domain')
    return { kind: 'account', type, id: DomainId.parse(id.data), changeType, cause };
  return { kind: 'account', type, id: UserId.parse(id.data), changeType, cause };
}

function interpretRole({ assignment, at }: Notification, receivedAt: number): Interpretation {
  const assignee = assigneeOf(assignment);
  const target = targetOf(assignment);
  if (!assignee || !target)
    return {
      kind: 'unreadable',
      reason: 'a role assignment without a user or group, or without a project or domain',
    };
  if (target.type === 'domain' && !assignment.inherited) return droppedBecause('role-on-domain');
  return {
    kind: 'membership',
    target,
    inherited: assignment.inherited,
    at: at ?? receivedAt,
    assignee,
  };
}

function assigneeOf(assignment: RoleAssignment): MembershipNotification['assignee'] | undefined {
  const user = UserId.safeParse(assignment.userId).data;
  if (user) return { type: 'user', id: user };
  // The id of a group has the same form as the id of a user.
  const group = UserId.safeParse(assignment.groupId).data;
  return group ? { type: 'group', id: group } : undefined;
}

function targetOf(assignment: RoleAssignment): MembershipNotification['target'] | undefined {
  const project = ProjectId.safeParse(assignment.projectId).data;
  if (project) return { type: 'project', id: project };
  const domain = DomainId.safeParse(assignment.domainId).data;
  return domain ? { type: 'domain', id: domain } : undefined;
}

function interpretCredential(
  { initiator, eventType, at }: Notification,
  receivedAt: number,
): Interpretation {
  const user = UserId.safeParse(initiator?.userId).data;
  const project = ProjectId.safeParse(initiator?.projectId).data;
  if (!user || !project) return droppedBecause(eventType);
  return {
    kind: 'membership',
    target: { type: 'project', id: project },
    inherited: false,
    at: at ?? receivedAt,
    assignee: { type: 'user', id: user },
  };
}

function causeOf(
  { messageId, digest, eventType, at, requestId, initiator }: Notification,
  receivedAt: number,
): Cause {
  const by = initiator && {
    userId: initiator.userId,
    ...(initiator.name === undefined ? {} : { name: initiator.name }),
  };
  return {
    messageId,
    digest,
    eventType,
    at: at ?? receivedAt,
    ...(requestId === undefined ? {} : { requestId }),
    ...(by ? { initiator: by } : {}),
  };
}

const droppedBecause = (because: string): Interpretation => ({ kind: 'dropped', because });
