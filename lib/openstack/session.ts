import { PropagatorError } from '../shared/errors.ts';
import { authenticate, type LoginDeps, type Scope, type Token } from './authenticate.ts';
import type { Credentials } from './credentials.ts';

/** One login that many calls share. */
export interface Session {
  /**
   * The token, renewed well before it expires. Throws `keystone.login.denied`, and what a failed
   * call throws.
   */
  token(): Promise<Token>;
  /** Call it after a service answered 401 to this token. Logs in again, unless another call did. */
  replace(refused: Token): Promise<Token>;
  /** A token, with its catalog, of at most this age. Throws what a login throws. */
  fresh(milliseconds: number): Promise<Token>;
}

const RENEWAL_PAUSE_MILLIS = 30_000;

/**
 * Creates a session. `scope`: the project to clean up or the system, instead of the credentials'
 * own scope. It requires a password login.
 */
export function createSession(credentials: Credentials, deps: LoginDeps, scope?: Scope): Session {
  const { now } = deps;
  let current: Token | undefined;
  let pendingLogin: Promise<Token> | undefined;
  let renewedAt = Number.NEGATIVE_INFINITY;
  const authenticateAnew = async (once: () => Promise<Token>): Promise<Token> => {
    await credentials.refresh?.(false);
    try {
      return await once();
    } catch (error) {
      const isRefused = error instanceof PropagatorError && error.report.status === 401;
      if (isRefused && (await credentials.refresh?.(true))) return once();
      throw error;
    }
  };
  const logIn = (): Promise<Token> => {
    pendingLogin ??= authenticateAnew(() => authenticate(credentials, deps, scope))
      .then((token) => {
        current = token;
        return token;
      })
      .finally(() => {
        pendingLogin = undefined;
      });
    return pendingLogin;
  };
  return {
    async token() {
      if (!current || now() >= current.lastUseAt) return logIn();
      if (now() >= current.renewAt && now() >= renewedAt + RENEWAL_PAUSE_MILLIS) {
        renewedAt = now();
        // In the background: the old token works while Keystone is briefly unavailable. Once that
        // token has expired, the failure is thrown.
        logIn().catch(() => undefined);
      }
      return current;
    },
    async replace(refused) {
      if (current && current.value() !== refused.value()) return current;
      current = undefined;
      return logIn();
    },
    async fresh(milliseconds) {
      return current && now() - current.since <= milliseconds && now() < current.lastUseAt
        ? current
        : logIn();
    },
  };
}
