import { PropagatorError } from '../shared/errors.ts';
import { authenticate, type LoginDeps, type Scope, type Token } from './authenticate.ts';
import type { Credentials } from './credentials.ts';

/** One login that many calls share. */
export interface Session {
  /**
   * Returns the token, which is renewed well before it expires. Throws the errors of
   * {@link authenticate}.
   */
  token(): Promise<Token>;
  /**
   * Returns a token in place of `refusedToken`, which a service refused with 401. Logs in again,
   * unless another call has already replaced `refusedToken`.
   */
  replaceToken(refusedToken: Token): Promise<Token>;
  /**
   * Returns a token that is at most this old. Its catalog has the same age. Throws the error of a
   * failed login.
   */
  tokenNotOlderThan(maxAgeMillis: number): Promise<Token>;
}

/** The minimum time between the starts of two renewals. */
const RENEWAL_PAUSE_MILLIS = 30_000;

/**
 * Creates a session. `scope` replaces the scope of the credentials. Only a password login can have
 * another scope.
 */
export function createSession(credentials: Credentials, deps: LoginDeps, scope?: Scope): Session {
  const { now } = deps;
  let currentToken: Token | undefined;
  let pendingLogin: Promise<Token> | undefined;
  let renewalStartedAt = Number.NEGATIVE_INFINITY;
  const refreshAndLogIn = async (logInOnce: () => Promise<Token>): Promise<Token> => {
    await credentials.refresh?.({ isRefused: false });
    try {
      return await logInOnce();
    } catch (error) {
      const isRefused = error instanceof PropagatorError && error.report.status === 401;
      if (isRefused && (await credentials.refresh?.({ isRefused: true }))) return logInOnce();
      throw error;
    }
  };
  const logIn = (): Promise<Token> => {
    pendingLogin ??= refreshAndLogIn(() => authenticate(credentials, deps, scope))
      .then((token) => {
        currentToken = token;
        return token;
      })
      .finally(() => {
        pendingLogin = undefined;
      });
    return pendingLogin;
  };
  return {
    async token() {
      if (!currentToken || now() >= currentToken.useUntil) return logIn();
      if (now() >= currentToken.renewAt && now() >= renewalStartedAt + RENEWAL_PAUSE_MILLIS) {
        renewalStartedAt = now();
        // The renewal runs in the background, so that a short outage of Keystone does no harm. If
        // the renewal fails, a later call starts it again. The caller sees the error of a login
        // only after the old token has expired.
        logIn().catch(() => undefined);
      }
      return currentToken;
    },
    async replaceToken(refusedToken) {
      if (currentToken && currentToken.value() !== refusedToken.value()) return currentToken;
      currentToken = undefined;
      return logIn();
    },
    async tokenNotOlderThan(maxAgeMillis) {
      return currentToken &&
        now() - currentToken.requestedAt <= maxAgeMillis &&
        now() < currentToken.useUntil
        ? currentToken
        : logIn();
    },
  };
}
