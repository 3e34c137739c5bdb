import * as z from 'zod';

const name = z.string().min(1).max(255);

/** A role on one project or one domain. Each field contains a name or an id. */
const role = z
  .strictObject({ role: name, project: name.optional(), domain: name.optional() })
  .refine(({ project, domain }) => (project === undefined) !== (domain === undefined), {
    error: 'name either a project or a domain: { role: member, project: shop }',
  });

/** The roles and groups that a rule gives to each new user. */
export const UserAssignments = z.strictObject({
  roles: z.array(role, { error: 'write a list: [{ role: member, project: shop }]' }).default([]),
  /** Names or ids. A name refers to a group in the domain of the user. */
  groups: z.array(name, { error: 'write a list of names: [staff]' }).default([]),
});
export type UserAssignments = z.infer<typeof UserAssignments>;
