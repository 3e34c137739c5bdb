import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import type { Token } from './authenticate.ts';
import type { Credentials } from './credentials.ts';
import type { Session } from './session.ts';

/** A role that every Keystone since Rocky has. The role `admin` implies it. */
const MEMBER = 'member';
const CREDENTIAL_PREFIX = 'keystone-propagator-member-';
/** True if a member session created this application credential of the propagator's user. */
export const isMemberCredential = (name: string): boolean => name.startsWith(CREDENTIAL_PREFIX);
/**
 * The application credential of a member session expires after this time, even if this process has
 * ended and never deletes it.
 */
const CREDENTIAL_LIFETIME_MILLIS = 60 * 60_000;

const createdCredential = z.object({
  application_credential: z.object({ id: z.string(), secret: z.string() }),
});

/**
 * Creates a session on a project with only the role `member`. A password login always has all roles
 * of the user, including `admin`. The session therefore creates an application credential for the
 * propagator's user with only one role, and logs in with this credential. The propagator deletes
 * the credential when it revokes its role on the project, and before it deletes the project.
 *
 * @param projectSession The session on the project with all roles of the user.
 * @param identity Keystone's API with that session.
 * @param openSession Creates a session for the login of the credential.
 */
export function createMemberSession(
  projectSession: Session,
  identity: ServiceApi,
  openSession: (credentials: Pick<Credentials, 'identity' | 'scope' | 'secret'>) => Session,
  now: () => number,
): Session {
  let openedSession: Promise<Session> | undefined;
  const openWithNewCredential = async (): Promise<Session> => {
    const { user, roles } = await projectSession.token();
    if (!roles.some(({ name }) => name === MEMBER)) throw missingRoleError();
    const { id, secret } = await createCredential(user.id, identity, now());
    return openSession({
      identity: () => ({
        methods: ['application_credential'],
        application_credential: { id, secret },
      }),
      scope: undefined,
      secret: () => secret,
    });
  };
  const memberSession = (): Promise<Session> => {
    openedSession ??= openWithNewCredential().catch((error: unknown) => {
      openedSession = undefined;
      throw error;
    });
    return openedSession;
  };
  let lastToken: Token | undefined;
  const token = async (): Promise<Token> => {
    lastToken = await (await memberSession()).token();
    return lastToken;
  };
  return {
    token,
    async replaceToken(refusedToken) {
      if (lastToken && lastToken.value() !== refusedToken.value()) return lastToken;
      // The propagator may have deleted the credential when it revoked its role on the project, so
      // the session creates a new one.
      openedSession = undefined;
      return token();
    },
    tokenNotOlderThan: async (maxAgeMillis) =>
      (await memberSession()).tokenNotOlderThan(maxAgeMillis),
  };
}

/** Creates an application credential of the user with only the role `member`. */
async function createCredential(
  userId: string,
  identity: ServiceApi,
  now: number,
): Promise<{ readonly id: string; readonly secret: string }> {
  const path = `/v3/users/${encodeURIComponent(userId)}/application_credentials`;
  const answer = await identity.request('POST', path, {
    json: {
      application_credential: {
        name: `${CREDENTIAL_PREFIX}${randomUUID()}`,
        description: 'Login of keystone-propagator with only the role member, for a cleanup',
        roles: [{ name: MEMBER }],
        expires_at: new Date(now + CREDENTIAL_LIFETIME_MILLIS).toISOString(),
      },
    },
  });
  return createdCredential.parse(answer.json).application_credential;
}

function missingRoleError(): PropagatorError {
  return new PropagatorError({
    code: 'keystone.login.member',
    class: 'Denied',
    message: `the token of the propagator on the project does not have the role ${MEMBER}`,
    advice:
      `Make the role admin imply the role ${MEMBER}: openstack implied role create admin ` +
      `--implied-role ${MEMBER}`,
    service: 'keystone',
  });
}
