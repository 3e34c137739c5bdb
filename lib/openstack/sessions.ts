import type { ProjectId } from '../../events/ids.ts';
import type { ServiceApi } from '../task/service.ts';
import type { LoginDeps, Scope } from './authenticate.ts';
import type { Credentials } from './credentials.ts';
import { createMemberSession } from './member.ts';
import { createSession, type Session } from './session.ts';

/** At most this many sessions with a scope other than the propagator's own are cached. */
const MAX_SCOPED_SESSIONS = 16;

/** The sessions of one login. */
export interface Sessions {
  /** The session with the scope of the credentials. */
  readonly ownSession: Session;
  /** Returns a session with another scope. */
  scopedSession(scope: Scope): Session;
  /** Returns a session on the project with only the role `member`. */
  memberSession(project: ProjectId): Session;
}

/** Creates the sessions. `identityApi` returns Keystone's API, which uses the given session. */
export function createSessions(
  credentials: Credentials,
  deps: LoginDeps,
  identityApi: (session: Session) => ServiceApi,
): Sessions {
  const cache = new Map<string, Session>();
  /**
   * Returns a cached session. The cache is small, because few projects need their own session at
   * the same time, and a dropped session costs only one login.
   */
  const cachedSession = (key: string, create: () => Session): Session => {
    const session = cache.get(key) ?? create();
    cache.delete(key);
    cache.set(key, session);
    for (const oldest of cache.keys()) if (cache.size > MAX_SCOPED_SESSIONS) cache.delete(oldest);
    return session;
  };
  const scopedSession = (scope: Scope): Session =>
    cachedSession(scope.kind === 'system' ? 'system' : `project ${scope.id}`, () =>
      createSession(credentials, deps, scope),
    );
  return {
    ownSession: createSession(credentials, deps),
    scopedSession,
    memberSession: (project) =>
      cachedSession(`member ${project}`, () => {
        const sessionWithAllRoles = scopedSession({ kind: 'project', id: project });
        // `refresh` reads the login of the credentials, which the member session does not use.
        const { refresh: _, ...otherCredentials } = credentials;
        const openSession = (login: Pick<Credentials, 'identity' | 'scope' | 'secret'>): Session =>
          createSession({ ...otherCredentials, ...login }, deps);
        return createMemberSession(
          sessionWithAllRoles,
          identityApi(sessionWithAllRoles),
          openSession,
          deps.now,
        );
      }),
  };
}
