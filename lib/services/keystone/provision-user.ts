import type {
  ProvisionItem,
  ServiceProvision,
  UserAssignments,
  UserProvisionContext,
} from '../../task/service.ts';
import { findId } from './find.ts';

const escaped = encodeURIComponent;
type Role = UserAssignments['roles'][number];

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

async function roleItem(wanted: Role, context: UserProvisionContext): Promise<ProvisionItem> {
  const { api, user } = context;
  const targetType = wanted.project === undefined ? 'domain' : 'project';
  const target = wanted.project ?? wanted.domain ?? '';
  const name = `${wanted.role} on ${targetType} ${target}`;
  const item = { type: 'role', name, wanted: 'assigned' };
  const [roleId, targetId] = await Promise.all([
    findId('roles', wanted.role, {}, api),
    findId(`${targetType}s`, target, {}, api),
  ]);
  if (roleId === undefined) return notFound(item, `role "${wanted.role}"`);
  if (targetId === undefined) return notFound(item, `${targetType} "${target}"`);
  return compareAssignment(
    item,
    `/v3/${targetType}s/${escaped(targetId)}/users/${escaped(user)}/roles/${escaped(roleId)}`,
    context,
  );
}

async function groupItem(wanted: string, context: UserProvisionContext): Promise<ProvisionItem> {
  const { api, user, userDomain } = context;
  const item = { type: 'group', name: wanted, wanted: 'member' };
  const groupId = await findId('groups', wanted, { domain_id: userDomain }, api);
  if (groupId === undefined) return notFound(item, `group "${wanted}" in the domain of the user`);
  return compareAssignment(item, `/v3/groups/${escaped(groupId)}/users/${escaped(user)}`, context);
}

type Item = Pick<ProvisionItem, 'type' | 'name' | 'wanted'>;

const notFound = (item: Item, nounAndName: string): ProvisionItem => ({
  ...item,
  state: 'blocked',
  message: `Keystone has no ${nounAndName}, or several`,
  advice: 'Create it, or write its id in the rule user.created of the policy.',
});

/**
 * Compares one assignment of a role or group. To a `HEAD` of `path`, Keystone answers 204 if the
 * assignment exists, and otherwise 404.
 */
async function compareAssignment(
  item: Item,
  path: string,
  { api }: UserProvisionContext,
): Promise<ProvisionItem> {
  const { status } = await api.request('HEAD', path, { accept: [404] });
  if (status !== 404) return { ...item, state: 'as-wanted', found: item.wanted };
  const make = async () => void (await api.request('PUT', path));
  return { ...item, state: 'missing', make };
}
