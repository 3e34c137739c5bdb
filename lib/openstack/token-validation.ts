import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';

/** The scope of a token. `none`: the token is unscoped and has no roles. */
export type TokenScope =
  | { readonly kind: 'system' }
  | { readonly kind: 'domain' | 'project'; readonly id: string }
  | { readonly kind: 'none' };

/** The data of a valid token. */
export interface TokenFacts {
  readonly user: { readonly id: string; readonly name: string };
  readonly roles: readonly string[];
  readonly scope: TokenScope;
  /** True for a token from a trust or from OAuth: it acts for another user. */
  readonly isDelegated: boolean;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** Returns `undefined` for a token that is forged, expired or revoked. */
export type ValidateToken = (token: string) => Promise<TokenFacts | undefined>;

/** The part of a token that names an account. */
const accountReference = z.object({ id: z.string().min(1) });
/** A time in UTC. Keystone 22 sends the expiry of an application credential without a zone. */
const keystoneTime = z.iso
  .datetime({ local: true, offset: true })
  .transform((text) => Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`));
const ValidationAnswer = z
  .object({
    token: z.object({
      expires_at: keystoneTime,
      user: accountReference.extend({ name: z.string().min(1) }),
      roles: z.array(z.object({ name: z.string() })).default([]),
      project: accountReference.optional(),
      domain: accountReference.optional(),
      system: z.object({ all: z.literal(true) }).optional(),
      'OS-TRUST:trust': z.unknown().optional(),
      'OS-OAUTH1': z.unknown().optional(),
    }),
  })
  .transform(({ token }): TokenFacts => {
    const { user, roles, project, domain, system } = token;
    const scope: TokenScope = system
      ? { kind: 'system' }
      : project
        ? { kind: 'project', id: project.id }
        : domain
          ? { kind: 'domain', id: domain.id }
          : { kind: 'none' };
    return {
      user,
      roles: roles.map(({ name }) => name),
      scope,
      isDelegated: token['OS-TRUST:trust'] !== undefined || token['OS-OAUTH1'] !== undefined,
      expiresAt: token.expires_at,
    };
  });

/** Keystone's own 404. A proxy or a wrong URL answers 404 without this body. */
const TokenNotFound = z.object({ error: z.object({ code: z.literal(404), message: z.string() }) });

/**
 * Returns a function that validates a token of another user with the propagator's own login. The
 * propagator's API does not apply access rules, so the call omits the header
 * `OpenStack-Identity-Access-Rules`. Keystone then refuses a token that has access rules. The
 * function throws the error of a failed call, and class `Unexpected` if the answer does not come
 * from Keystone.
 */
export const createTokenValidator =
  (identity: ServiceApi): ValidateToken =>
  async (token) => {
    const answer = await identity.request('GET', '/v3/auth/tokens', {
      query: { nocatalog: '' },
      headers: { 'x-subject-token': token },
      accept: [404],
    });
    if (answer.status === 404 && TokenNotFound.safeParse(answer.json).success) return undefined;
    const validatedAnswer = ValidationAnswer.safeParse(answer.json);
    if (answer.status === 200 && validatedAnswer.success) return validatedAnswer.data;
    throw new PropagatorError({
      code: 'keystone.answer.unexpected',
      class: 'Unexpected',
      message: 'keystone: the answer does not describe the token that was validated',
      advice: `Check which service answers at ${identity.endpoint}.`,
      service: 'keystone',
      requestId: answer.requestId,
      status: answer.status,
    });
  };
