import type {
  ProvisionItem,
  ServiceProvision,
  UserAssignments,
  UserProvisionContext,
} from '../../task/service.ts';
import { describeNoSingleMatch } from '../kit/single-match.ts';
import { findId } from './find.ts';

const urlEncode = encodeURIComponent;
/** The place in which an operator can correct a wrong name, as the advice calls it. */
const POLICY_RULE_PHRASE = 'the rule user.created of the policy';
type RoleAssignment = UserAssignments['roles'][number];

/** Assigns roles and groups to a new user. Does not remove other roles and groups of the user. */
export const userProvision: ServiceProvision<UserProvisionContext, UserAssignments> = {
  async compare({ roles, groups }, context) {
    const items = [
      ...roles.map((one) => roleItem(one, context)),
      ...groups.map((one) => groupItem(one, context)),
    ];
    return Promise.all(items);
  },
};

async function roleItem(
  assignment: RoleAssignment,
  context: UserProvisionContext,
): Promise<ProvisionItem> {
  const { api, user } = context;
  const targetType = assignment.project === undefined ? 'domain' : 'project';
  const targetName = assignment.project ?? assignment.domain ?? '';
  const name = `${assignment.role} on ${targetType} ${targetName}`;
  const item = { type: 'role', name, wanted: 'assigned' };
  const [role, target] = await Promise.all([
    findId('roles', assignment.role, {}, api),
    findId(`${targetType}s`, targetName, {}, api),
  ]);
  if (role.kind === 'no-single-match')
    return {
      ...item,
      state: 'blocked',
      ...describeNoSingleMatch('role', assignment.role, role.matchCount, POLICY_RULE_PHRASE),
    };
  if (target.kind === 'no-single-match')
    return {
      ...item,
      state: 'blocked',
      ...describeNoSingleMatch(targetType, targetName, target.matchCount, POLICY_RULE_PHRASE),
    };
  return compareAssignment(
    item,
    `/v3/${targetType}s/${urlEncode(target.id)}/users/${urlEncode(user)}` +
      `/roles/${urlEncode(role.id)}`,
    context,
  );
}

async function groupItem(nameOrId: string, context: UserProvisionContext): Promise<ProvisionItem> {
  const { api, user, userDomain } = context;
  const item = { type: 'group', name: nameOrId, wanted: 'member' };
  const group = await findId('groups', nameOrId, { domain_id: userDomain }, api);
  if (group.kind === 'no-single-match') {
    const { message, advice } = describeNoSingleMatch(
      'group',
      nameOrId,
      group.matchCount,
      POLICY_RULE_PHRASE,
    );
    return {
      ...item,
      state: 'blocked',
      message: `${message} in the domain of the user`,
      advice,
    };
  }
  return compareAssignment(
    item,
    `/v3/groups/${urlEncode(group.id)}/users/${urlEncode(user)}`,
    context,
  );
}

type RoleOrGroupItem = Pick<ProvisionItem, 'type' | 'name' | 'wanted'>;

/**
 * Compares one assignment of a role or group. To a `HEAD` of `path`, Keystone answers 204 if the
 * assignment exists, and otherwise 404.
 */
async function compareAssignment(
  item: RoleOrGroupItem,
  path: string,
  { api }: UserProvisionContext,
): Promise<ProvisionItem> {
  const { status } = await api.request('HEAD', path, { accept: [404] });
  if (status !== 404) return { ...item, state: 'as-wanted', found: item.wanted };
  const make = async () => void (await api.request('PUT', path));
  return { ...item, state: 'missing', make };
}
