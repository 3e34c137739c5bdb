import * as z from 'zod';
import { duration } from '../shared/setting-values.ts';
import { UserAssignments } from '../task/user-assignments.ts';
import { SuspendOptions } from './suspend-options.ts';

/** The version of the format that this release reads. */
export const POLICY_VERSION = 1;

const oneOrMoreTexts = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
  error: 'write one text, or a list of texts',
});

/**
 * The accounts that a rule matches. An account must meet each of these conditions that is set:
 * - `domain`: its domain has one of these ids or names;
 * - `parent`: its parent project has one of these ids;
 * - `tags`: it has all of these tags;
 * - `name`: its name matches this pattern, in which `*` is any text and `?` is one character.
 *
 * Users have no parent and no tags.
 */
const matchSchema = z.strictObject({
  domain: oneOrMoreTexts.optional(),
  parent: oneOrMoreTexts.optional(),
  tags: z.array(z.string().min(1)).min(1, 'name at least one tag, or leave "tags" out').optional(),
  name: z.string().min(1).optional(),
});

const modeSchema = z.enum(['observe', 'enforce'], { error: 'write observe or enforce' });
/** The reaction of a rule to one change of an account. */
const reactionSchema = <Action extends string>(action: Action) =>
  z.strictObject({
    action: z.enum([action, 'none'], { error: `write ${action} or none` }),
    after: z
      .string({ error: 'write a number and a unit: 0s, 90s, 30m, 1h' })
      .pipe(duration)
      .optional(),
    mode: modeSchema.default('observe'),
  });

const provisionSchema = reactionSchema('provision')
  .extend({
    /** The name of the profile, which is the desired state of the project. */
    profile: z.string().min(1).optional(),
    /**
     * True if the run also changes existing resources and settings that differ from the profile.
     */
    reconcile: z.boolean().default(false),
  })
  .refine(({ action, profile }) => action === 'none' || profile !== undefined, {
    error: 'name the profile: { action: provision, profile: small }',
  });

/**
 * The reaction of a rule to a disabled or enabled user. The mode is always `observe`, because
 * resources of a user cannot be suspended.
 */
const userReactionSchema = <Action extends string>(action: Action) =>
  reactionSchema(action).extend({
    mode: z
      .literal('observe', {
        error: 'write observe, or leave it out: resources of a user cannot be suspended',
      })
      .default('observe'),
  });

const userProvisionSchema = reactionSchema('provision')
  .extend(UserAssignments.shape)
  .refine(({ action, groups, roles }) => action === 'none' || groups.length + roles.length > 0, {
    error: 'name roles or groups: { action: provision, groups: [staff] }',
  });

const recoveryTimeSchema = z
  .string({ error: 'write a number and a unit: 12h, 30d' })
  .pipe(duration);

/** The recovery window of a requested deletion. */
const deletionSchema = z.strictObject({
  recoverFor: recoveryTimeSchema,
  /** A reminder is published this long before the end of the window. */
  remind: z.array(recoveryTimeSchema).max(20).default([]),
});

const ruleSchema = z.strictObject({
  match: matchSchema.default({}),
  deletion: deletionSchema.optional(),
  on: z
    .strictObject({
      'project.created': provisionSchema.optional(),
      'project.disabled': reactionSchema('suspend').optional(),
      'project.enabled': reactionSchema('resume').optional(),
      'project.deleted': reactionSchema('cleanup').optional(),
      'user.created': userProvisionSchema.optional(),
      'user.disabled': userReactionSchema('suspend').optional(),
      'user.enabled': userReactionSchema('resume').optional(),
    })
    .prefault({}),
});

/**
 * The schemas of a profile's sections, by service. Services without a schema cannot be provisioned.
 */
export type ProfileSections = Readonly<Record<string, z.ZodType>>;

/**
 * The policy file. The first rule that matches an account and names its change decides about the
 * action. `profiles`: the desired state of a project, by profile and service; see {@link
 * policySchema}. `suspend`: the resources that a suspension changes, by service.
 */
export const Policy = z.strictObject({
  version: z.literal(POLICY_VERSION, { error: `write version: ${POLICY_VERSION}` }),
  rules: z.array(ruleSchema).default([]),
  profiles: z.record(z.string().min(1), z.record(z.string(), z.unknown())).default({}),
  suspend: SuspendOptions.prefault({}),
});
export type Policy = z.infer<typeof Policy>;
export type Rule = Policy['rules'][number];
/** The changes that a rule can name. */
export type PolicyChange = keyof Rule['on'];
/** The changes of a project. */
export const PROJECT_CHANGES = [
  'project.created',
  'project.disabled',
  'project.enabled',
  'project.deleted',
] as const satisfies readonly PolicyChange[];
/** The changes of a user. */
export const USER_CHANGES = [
  'user.created',
  'user.disabled',
  'user.enabled',
] as const satisfies readonly PolicyChange[];
/** The desired state of a project, by service. */
export type Profile = Policy['profiles'][string];

/** The policy of a cloud without a policy file. */
export const NO_POLICY: Policy = Policy.parse({ version: POLICY_VERSION });

/**
 * Returns the schema of a policy file for a cloud with these services. In addition to {@link
 * Policy}, the schema checks the sections of each profile, the conditions of rules for users, and
 * that each profile in a rule exists.
 */
export const policySchema = (sections: ProfileSections): z.ZodType<Policy> =>
  Policy.extend({
    profiles: z
      .record(
        z.string().min(1),
        z.strictObject(
          Object.fromEntries(
            Object.entries(sections).map(([service, section]) => [service, section.optional()]),
          ),
        ),
      )
      .default({}),
  }).superRefine(({ rules, profiles }, context) => {
    for (const [index, rule] of rules.entries())
      for (const { message, path } of [...userProblems(rule), ...profileProblems(rule, profiles)])
        context.addIssue({ code: 'custom', message, path: ['rules', index, ...path] });
  });

/** An error of a rule. `path`: the place in the rule. */
interface RuleProblem {
  readonly message: string;
  readonly path: readonly string[];
}

/**
 * Returns an error for each condition of the rule that no user can meet. Returns no error if the
 * rule names no change of a user.
 */
function userProblems({ match, on }: Rule): RuleProblem[] {
  if (!USER_CHANGES.some((change) => on[change])) return [];
  const impossibleConditions = (['parent', 'tags'] as const).filter(
    (condition) => match[condition] !== undefined,
  );
  return impossibleConditions.map((condition) => ({
    message: `users have no ${condition}: write a separate rule for the changes of users`,
    path: ['match', condition],
  }));
}

/** Returns an error if the rule names a profile that does not exist. */
function profileProblems({ on }: Rule, profiles: Policy['profiles']): RuleProblem[] {
  const profile = on['project.created']?.profile;
  if (profile === undefined || Object.hasOwn(profiles, profile)) return [];
  const message = `there is no profile "${profile}" under "profiles"`;
  return [{ message, path: ['on', 'project.created', 'profile'] }];
}
