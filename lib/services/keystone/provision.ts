import * as z from 'zod';
import {
  type ComparePart,
  defineProvision,
  type ProvisionContext,
  type ProvisionItem,
} from '../../task/service.ts';
import { describeNoSingleMatch } from '../kit/single-match.ts';
import { findId } from './find.ts';

const name = z.string().min(1).max(255);
const roleAssignment = z
  .strictObject({
    /** The name or id of a role. */
    role: name,
    user: name.optional(),
    group: name.optional(),
    /**
     * The name or id of the domain of the user or group. Needed if `user` or `group` is a name and
     * not an id.
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
  roles: z.array(roleAssignment).min(1).optional(),
});
type Section = z.infer<typeof schema>;
type RoleAssignment = z.infer<typeof roleAssignment>;

const urlEncode = encodeURIComponent;
const pathOf = ({ project }: ProvisionContext): string => `/v3/projects/${urlEncode(project)}`;
const tagsBody = z.object({ tags: z.array(z.string()) });

/** Compares the tags. Each tag is added with its own call, which keeps the other tags. */
const compareTags: ComparePart<Section> = async ({ tags: wantedTags = [] }, context) => {
  if (wantedTags.length === 0) return [];
  const path = `${pathOf(context)}/tags`;
  const presentTags = tagsBody.parse((await context.api.request('GET', path)).json).tags;
  return wantedTags.map((tag): ProvisionItem => {
    const item = { type: 'tag', name: tag, wanted: 'set' };
    if (presentTags.includes(tag)) return { ...item, state: 'as-wanted', found: 'set' };
    return {
      ...item,
      state: 'missing',
      make: async () => void (await context.api.request('PUT', `${path}/${urlEncode(tag)}`)),
    };
  });
};

const compareRoles: ComparePart<Section> = async ({ roles: assignments = [] }, context) =>
  Promise.all(assignments.map((one) => roleItem(one, context)));

async function roleItem(
  assignment: RoleAssignment,
  context: ProvisionContext,
): Promise<ProvisionItem> {
  const assigneeType = assignment.user === undefined ? 'group' : 'user';
  const assigneeName = assignment.user ?? assignment.group ?? '';
  const name = `${assignment.role} of ${assigneeType} ${assigneeName}`;
  const item = { type: 'role', name, wanted: 'assigned' };
  const blockedItem = (noun: string, nameOrId: string, matchCount: number): ProvisionItem => ({
    ...item,
    state: 'blocked',
    ...describeNoSingleMatch(noun, nameOrId, matchCount),
  });
  const { api } = context;
  const domain = assignment.domain
    ? await findId('domains', assignment.domain, {}, api)
    : undefined;
  if (domain?.kind === 'no-single-match')
    return blockedItem('domain', assignment.domain ?? '', domain.matchCount);
  const [role, assignee] = await Promise.all([
    findId('roles', assignment.role, {}, api),
    findId(`${assigneeType}s`, assigneeName, { domain_id: domain?.id }, api),
  ]);
  if (role.kind === 'no-single-match') return blockedItem('role', assignment.role, role.matchCount);
  if (assignee.kind === 'no-single-match') {
    const assigneeItem = blockedItem(assigneeType, assigneeName, assignee.matchCount);
    if (domain) return assigneeItem;
    return { ...assigneeItem, advice: `${assigneeItem.advice} A name also needs its domain.` };
  }
  const path =
    `${pathOf(context)}/${assigneeType}s/${urlEncode(assignee.id)}` +
    `/roles/${urlEncode(role.id)}`;
  // Keystone answers 204 if the role is assigned, and otherwise 404.
  const { status } = await api.request('HEAD', path, { accept: [404] });
  if (status !== 404) return { ...item, state: 'as-wanted', found: 'assigned' };
  const make = async () => void (await api.request('PUT', path));
  return { ...item, state: 'missing', make };
}

/** The section of Keystone in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: ['Tags of the project (`tags`).', 'Roles of users and groups on the project (`roles`).'],
  parts: [compareTags, compareRoles],
});
