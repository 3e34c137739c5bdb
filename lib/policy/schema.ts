import * as z from 'zod';
import { duration } from '../shared/settings.ts';

/** The version of the format that this release reads. */
export const POLICY_VERSION = 1;

const words = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
  error: 'write one text, or a list of texts',
});

/**
 * Which projects a rule is about. All parts must match. `domain` and `parent`: one of these ids or
 * names (a parent by its id only). `tags`: all of them. `name`: a pattern, in which `*` stands for
 * any text and `?` for one character.
 */
const match = z.strictObject({
  domain: words.optional(),
  parent: words.optional(),
  tags: z.array(z.string().min(1)).min(1, 'name at least one tag, or leave "tags" out').optional(),
  name: z.string().min(1).optional(),
});

const mode = z.enum(['observe', 'enforce'], { error: 'write observe or enforce' });
const reaction = <Action extends string>(action: Action) =>
  z.strictObject({
    action: z.enum([action, 'none'], { error: `write ${action} or none` }),
    after: z
      .string({ error: 'write a number and a unit: 0s, 90s, 30m, 1h' })
      .pipe(duration)
      .optional(),
    mode: mode.default('observe'),
  });

const rule = z.strictObject({
  match: match.default({}),
  on: z.strictObject({
    'project.disabled': reaction('suspend').optional(),
    'project.enabled': reaction('resume').optional(),
  }),
});

const error = (word: string) => ({ error: `write ${word} or none` });

/**
 * The policy file: what follows from which account change, for which projects. The first rule that
 * matches a project and names the change decides. `suspend`: what a suspension switches per
 * service.
 */
export const Policy = z.strictObject({
  version: z.literal(POLICY_VERSION, { error: `write version: ${POLICY_VERSION}` }),
  rules: z.array(rule).default([]),
  suspend: z
    .strictObject({
      aodh: z.enum(['off', 'none'], error('off')).default('off'),
      octavia: z.enum(['down', 'none'], error('down')).default('down'),
      swift: z.enum(['close', 'none'], error('close')).default('close'),
      nova: z.enum(['stop', 'none'], error('stop')).default('stop'),
    })
    .prefault({}),
});
export type Policy = z.infer<typeof Policy>;
export type Rule = Policy['rules'][number];
/** The changes that a rule can name. */
export type PolicyChange = keyof Rule['on'];
/** What a suspension does in each service. */
export type SuspendOptions = Policy['suspend'];

/** The policy of a cloud without a policy file. */
export const NO_POLICY: Policy = Policy.parse({ version: POLICY_VERSION });
