import type {
  ProvisionItem,
  ServiceProvision,
  UserAssignments,
  UserProvisionContext,
} from '../../task/service.ts';
import { find } from './find.ts';

const escaped = encodeURIComponent;
type Role = UserAssignments['roles'][number];

/** Provisions roles and groups of a new user. Other roles and groups of the user stay. */
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
  const kind = wanted.project === undefined ? 'domain' : 'project';
  const place = wanted.project ?? wanted.domain ?? '';
  const item = { type: 'role', name: `${wanted.role} on ${kind} ${place}`, wanted: 'assigned' };
  const [role, target] = await Promise.all([
    find('roles', wanted.role, {}, api),
    find(`${kind}s`, place, {}, api),
  ]);
  if (role === undefined) return notFound(item, `role "${wanted.role}"`);
  if (target === undefined) return notFound(item, `${kind} "${place}"`);
  return compareAssignment(
    item,
    `/v3/${kind}s/${escaped(target)}/users/${escaped(user)}/roles/${escaped(role)}`,
    context,
  );
}

async function groupItem(wanted: string, context: UserProvisionContext): Promise<ProvisionItem> {
  const { api, user, userDomain } = context;
  const item = { type: 'group', name: wanted, wanted: 'member' };
  const group = await find('groups', wanted, { domain_id: userDomain }, api);
  if (group === undefined) return notFound(item, `group "${wanted}" in the domain of the user`);
  return compareAssignment(item, `/v3/groups/${escaped(group)}/users/${escaped(user)}`, context);
}

type Item = Pick<ProvisionItem, 'type' | 'name' | 'wanted'>;

const notFound = (item: Item, what: string): ProvisionItem => ({
  ...item,
  state: 'blocked',
  message: `Keystone has no ${what}, or several`,
  advice: 'Create it, or correct the rule user.created of the policy: write the id.',
});

/**
 * Compares with a `HEAD`: Keystone answers 204 if the role or group is assigned, and otherwise 404.
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
