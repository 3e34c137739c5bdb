import { Refusal } from './http.ts';
import { hex } from './resource-store.ts';
import type { CloudState } from './state.ts';

/** The content of a token. */
export interface Token {
  readonly id: string;
  readonly userId: string;
  readonly projectId: string | undefined;
  readonly domainId: string | undefined;
  readonly system: boolean;
  /** The application credential of the login. */
  readonly credential: { readonly id: string; readonly name: string } | undefined;
  readonly roles: readonly string[];
  readonly methods: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export class Tokens {
  readonly #tokens = new Map<string, Token>();

  issue(token: Omit<Token, 'id'>): Token {
    const issued = { ...token, id: `gAAAAA${hex()}${hex()}` };
    this.#tokens.set(issued.id, issued);
    return issued;
  }

  get(id: string): Token | undefined {
    return this.#tokens.get(id);
  }

  revoke(wanted: (token: Token) => boolean): void {
    for (const token of this.#tokens.values()) if (wanted(token)) this.#tokens.delete(token.id);
  }
}

/**
 * The token of a call if it is valid: it has not expired, and its project, domain and user exist
 * and are enabled.
 */
export function tokenOf(state: CloudState, id: string | string[] | undefined): Token | undefined {
  const token = typeof id === 'string' ? state.tokens.get(id) : undefined;
  if (!token || token.expiresAt <= state.clock.now()) return undefined;
  const { projects, users } = state.identity;
  if (!users.get(token.userId)?.enabled) return undefined;
  if (token.projectId === undefined) return token;
  const project = projects.get(token.projectId);
  if (!project?.enabled) return undefined;
  const domain = projects.get(project.domain_id ?? project.id);
  return domain?.enabled === false ? undefined : token;
}

export const isAdmin = (token: Token | undefined): boolean =>
  token?.roles.includes('admin') ?? false;

/** 403 with the name of the policy, as Nova and Cinder word it. */
export function requireAdmin(token: Token | undefined, policy: string): void {
  if (!isAdmin(token))
    throw new Refusal(403, `Policy doesn't allow ${policy} to be performed.`, {
      type: 'PolicyNotAuthorized',
    });
}

/** The project of a call's token; services other than Keystone refuse a token without one. */
export function ownProject(token: Token | undefined): string {
  if (token?.projectId === undefined)
    throw new Refusal(403, 'You are not authorized to perform the requested action.');
  return token.projectId;
}
