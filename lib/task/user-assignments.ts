import * as z from 'zod';

const nameSchema = z.string().min(1).max(255);

/** A role on one project or one domain. Each field contains a name or an id. */
const roleSchema = z
  .strictObject({ role: nameSchema, project: nameSchema.optional(), domain: nameSchema.optional() })
  .refine(({ project, domain }) => (project === undefined) !== (domain === undefined), {
    error: 'name either a project or a domain: { role: member, project: shop }',
  });

/** The roles and groups that a rule gives to each new user. */
export const UserAssignments = z.strictObject({
  roles: z
    .array(roleSchema, { error: 'write a list: [{ role: member, project: shop }]' })
    .default([]),
  /** Names or ids. A name refers to a group in the domain of the user. */
  groups: z.array(nameSchema, { error: 'write a list of names: [staff]' }).default([]),
});
export type UserAssignments = z.infer<typeof UserAssignments>;
