import * as z from 'zod';
import { Account } from '../../events/account.ts';
import { mayBeSameId } from '../../events/ids.ts';
import type { KeystoneState } from '../account/keystone.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ApiAnswer } from '../task/service.ts';

const commonFields = { id: z.string(), name: z.string(), enabled: z.boolean() };
const projectRow = z.object({
  ...commonFields,
  domain_id: z.string().nullish(),
  parent_id: z.string().nullish(),
  is_domain: z.boolean().default(false),
  tags: z.array(z.string()).nullish(),
});

/** Validates an account. An error is reported as an issue of the row's id. */
function toAccount(value: unknown, context: z.core.$RefinementCtx): Account {
  const parsed = Account.safeParse(value);
  if (parsed.success) return parsed.data;
  context.issues.push({
    code: 'custom',
    input: undefined,
    message: parsed.error.issues[0]?.message ?? 'no account',
    path: ['id'],
  });
  return z.NEVER;
}

/**
 * Keystone also shows each domain as a project with `is_domain` (Identity API 3.6). This schema
 * converts it to a domain.
 */
export const projectSchema = projectRow.transform(
  ({ domain_id, parent_id, is_domain, tags, ...row }, context) =>
    toAccount(
      is_domain
        ? { type: 'domain', ...row }
        : {
            type: 'project',
            ...row,
            domainId: domain_id ?? undefined,
            parentId: parent_id ?? undefined,
            ...(tags && tags.length > 0 ? { tags } : {}),
          },
      context,
    ),
);
export const domainSchema = z
  .object(commonFields)
  .transform((row, context) => toAccount({ type: 'domain', ...row }, context));
export const userSchema = z
  .object({ ...commonFields, domain_id: z.string() })
  .transform(({ domain_id, ...row }, context) =>
    toAccount({ type: 'user', ...row, domainId: domain_id }, context),
  );
/** The body of `GET /v3/TYPEs/ID`, by type. */
const answerSchemas = {
  project: z.object({ project: projectSchema }).transform((body) => body.project),
  domain: z.object({ domain: domainSchema }).transform((body) => body.domain),
  user: z.object({ user: userSchema }).transform((body) => body.user),
};

/**
 * Keystone's own 404 names the id: `{"error": {"code": 404, "message": "Could not find project:
 * 4f….", …}}`.
 */
const notFoundBody = z.object({ error: z.object({ code: z.literal(404), message: z.string() }) });

/** Matches `Could not find project: 4f….` with exactly this id at the end. */
const namesId = (message: string, id: string): boolean =>
  message.endsWith(`: ${id}.`) || message.endsWith(`: ${id}`);

/**
 * Creates the error for an id with a slash. Web servers decode `%2F` before routing, so Keystone
 * never receives such an id.
 */
const unaddressableIdError = (type: string): PropagatorError =>
  new PropagatorError({
    code: 'keystone.id.hidden',
    class: 'Unsupported',
    message: `Keystone cannot show a ${type} with a slash in its id`,
    advice: `Check in the Keystone database whether the ${type} exists.`,
    service: 'keystone',
  });

/**
 * Returns the state of an account from Keystone's answer to `GET /v3/TYPEs/ID`. Throws for an
 * answer that does not show the account and is not Keystone's own 404. `endpoint`: the URL of
 * Keystone, for the error.
 */
export function stateFromAnswer(
  answer: ApiAnswer,
  type: Account['type'],
  id: string,
  endpoint: string,
): KeystoneState {
  const unexpectedAnswer = (fault: string): PropagatorError =>
    new PropagatorError({
      code: 'keystone.answer.unexpected',
      class: 'Unexpected',
      message: `keystone: ${fault}`,
      advice:
        'The propagator does not treat the account as deleted. Check which service ' +
        `answers at ${endpoint}.`,
      service: 'keystone',
      requestId: answer.requestId,
      status: answer.status,
    });
  if (answer.status === 404) {
    const body = notFoundBody.safeParse(answer.json);
    // A 404 without the id may come from a proxy or from a wrong URL.
    if (body.success && namesId(body.data.error.message, id)) return { kind: 'absent' };
    if (id.includes('/')) throw unaddressableIdError(type);
    throw unexpectedAnswer(
      `the 404 for a ${type} does not come from Keystone: it does not name the id`,
    );
  }
  const body = answerSchemas[type].safeParse(answer.json);
  if (body.success && body.data.id !== id && mayBeSameId(body.data.id, id))
    return { kind: 'other', id: body.data.id };
  if (!body.success || body.data.id !== id || body.data.enabled === undefined)
    throw unexpectedAnswer(`the answer does not show the requested ${type}`);
  return { kind: 'present', account: { ...body.data, enabled: body.data.enabled } };
}
