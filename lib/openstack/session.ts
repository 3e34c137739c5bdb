import { PropagatorError } from '../shared/errors.ts';
import { authenticate, type LoginDeps, type Scope, type Token } from './authenticate.ts';
import type { Credentials } from './credentials.ts';

/** One login that many calls share. */
export interface Session {
  /**
   * Returns the token, which is renewed well before it expires. Throws `keystone.login.denied`, and
   * the error of a failed call.
   */
  token(): Promise<Token>;
  /** Logs in again after a service refused this token with 401, unless another call has done so. */
  replace(refused: Token): Promise<Token>;
  /**
   * Returns a token that is at most this old. Its catalog has the same age. Throws the error of a
   * failed login.
   */
  fresh(maxAgeMillis: number): Promise<Token>;
}

const RENEWAL_PAUSE_MILLIS = 30_000;

/**
 * Creates a session. `scope` replaces the scope of the credentials. Only a password login can have
 * another scope.
 */
export function createSession(credentials: Credentials, deps: LoginDeps, scope?: Scope): Session {
  const { now } = deps;
  let current: Token | undefined;
  let pendingLogin: Promise<Token> | undefined;
  let renewedAt = Number.NEGATIVE_INFINITY;
  const authenticateAnew = async (logInOnce: () => Promise<Token>): Promise<Token> => {
    await credentials.refresh?.(false);
    try {
      return await logInOnce();
    } catch (error) {
      const isRefused = error instanceof PropagatorError && error.report.status === 401;
      if (isRefused && (await credentials.refresh?.(true))) return logInOnce();
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
        // The renewal runs in the background, so that a short outage of Keystone does no harm. A
        // failed renewal is repeated. A login fails only after the old token has expired.
        logIn().catch(() => undefined);
      }
      return current;
    },
    async replace(refused) {
      if (current && current.value() !== refused.value()) return current;
      current = undefined;
      return logIn();
    },
    async fresh(maxAgeMillis) {
      return current && now() - current.since <= maxAgeMillis && now() < current.lastUseAt
        ? current
        : logIn();
    },
  };
}
