import * as z from 'zod';
import {
  type ComparePart,
  defineProvision,
  type ProvisionContext,
  type ProvisionItem,
} from '../../task/service.ts';
import { find } from './find.ts';

const name = z.string().min(1).max(255);
const assignment = z
  .strictObject({
    /** The name or id of a role. */
    role: name,
    user: name.optional(),
    group: name.optional(),
    /**
     * The name or id of the domain of the user or group. A name of a user or group needs its
     * domain.
     */
    domain: name.optional(),
  })
  .refine(({ user, group }) => (user === undefined) !== (group === undefined), {
    error: 'name either a user or a group',
  });
const schema = z.strictObject({
  tags: z
    .array(z.string().regex(/^[^,/]{1,255}$/, 'a tag has no comma and no slash'))
    .min(1)
    .optional(),
  roles: z.array(assignment).min(1).optional(),
});
type Section = z.infer<typeof schema>;
type Assignment = z.infer<typeof assignment>;

const escaped = encodeURIComponent;
const pathOf = ({ project }: ProvisionContext): string => `/v3/projects/${escaped(project)}`;
const listedTags = z.object({ tags: z.array(z.string()) });

/** Tags are added separately, so that other tags of the project stay. */
const tags: ComparePart<Section> = async ({ tags: wanted = [] }, context) => {
  if (wanted.length === 0) return [];
  const path = `${pathOf(context)}/tags`;
  const present = listedTags.parse((await context.api.request('GET', path)).json).tags;
  return wanted.map((tag): ProvisionItem => {
    const item = { type: 'tag', name: tag, wanted: 'set' };
    if (present.includes(tag)) return { ...item, state: 'as-wanted', found: 'set' };
    return {
      ...item,
      state: 'missing',
      make: async () => void (await context.api.request('PUT', `${path}/${escaped(tag)}`)),
    };
  });
};

const roles: ComparePart<Section> = async ({ roles: wanted = [] }, context) =>
  Promise.all(wanted.map((one) => roleItem(one, context)));

async function roleItem(wanted: Assignment, context: ProvisionContext): Promise<ProvisionItem> {
  const kind = wanted.user === undefined ? 'group' : 'user';
  const subject = wanted.user ?? wanted.group ?? '';
  const item = { type: 'role', name: `${wanted.role} of ${kind} ${subject}`, wanted: 'assigned' };
  const domain = wanted.domain && (await find('domains', wanted.domain, {}, context.api));
  const [role, account] = await Promise.all([
    find('roles', wanted.role, {}, context.api),
    find(`${kind}s`, subject, { domain_id: domain }, context.api),
  ]);
  if (role === undefined || account === undefined || (wanted.domain && !domain))
    return {
      ...item,
      state: 'blocked',
      message:
        'Keystone has no ' +
        `${role === undefined ? `role "${wanted.role}"` : `${kind} "${subject}"`}, or several`,
      advice: 'Create it, or correct the name in the profile. A name needs its domain.',
    };
  const path = `${pathOf(context)}/${kind}s/${escaped(account)}/roles/${escaped(role)}`;
  // Keystone answers 204 if the role is assigned, and otherwise 404.
  const { status } = await context.api.request('HEAD', path, { accept: [404] });
  if (status !== 404) return { ...item, state: 'as-wanted', found: 'assigned' };
  const make = async () => void (await context.api.request('PUT', path));
  return { ...item, state: 'missing', make };
}

/** The section of Keystone in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: ['Tags of the project (`tags`).', 'Roles of users and groups on the project (`roles`).'],
  parts: [tags, roles],
});
