import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import type { Token } from './authenticate.ts';
import type { Credentials } from './credentials.ts';
import type { Session } from './session.ts';

/** A role that every Keystone since Rocky has. The role `admin` implies it. */
const MEMBER = 'member';
const PREFIX = 'keystone-propagator-member-';
/** True if a member session created this application credential of the propagator's user. */
export const isMemberCredential = (name: string): boolean => name.startsWith(PREFIX);
/** The credential expires after this time, even if this process has died. */
const LIFETIME = 60 * 60_000;

const created = z.object({
  application_credential: z.object({ id: z.string(), secret: z.string() }),
});

/**
 * Creates a session on a project with only the role `member`. A password login always has all roles
 * of the user, including `admin`. The propagator therefore creates an application credential for
 * its own user with only one role, and logs in with this credential. The propagator deletes the
 * credential when it revokes its role on the project, and before it deletes the project. Without a
 * deletion, the credential expires after an hour. `project`: the session on the project with all
 * roles. `identity`: Keystone's API with that session.
 */
export function createMemberSession(
  project: Session,
  identity: ServiceApi,
  open: (credentials: Pick<Credentials, 'identity' | 'scope' | 'secret'>) => Session,
  now: () => number,
): Session {
  let current: Promise<Session> | undefined;
  const createAndOpen = async (): Promise<Session> => {
    const { user, roles } = await project.token();
    if (!roles.some(({ name }) => name === MEMBER)) throw missingRole();
    const answer = await identity.request(
      'POST',
      `/v3/users/${encodeURIComponent(user.id)}/application_credentials`,
      {
        json: {
          application_credential: {
            name: `${PREFIX}${randomUUID()}`,
            description: 'Login of keystone-propagator with only the role member, for a cleanup',
            roles: [{ name: MEMBER }],
            expires_at: new Date(now() + LIFETIME).toISOString(),
          },
        },
      },
    );
    const { id, secret } = created.parse(answer.json).application_credential;
    return open({
      identity: () => ({
        methods: ['application_credential'],
        application_credential: { id, secret },
      }),
      scope: undefined,
      secret: () => secret,
    });
  };
  const memberSession = (): Promise<Session> => {
    current ??= createAndOpen().catch((error: unknown) => {
      current = undefined;
      throw error;
    });
    return current;
  };
  let lastToken: Token | undefined;
  const token = async (): Promise<Token> => {
    lastToken = await (await memberSession()).token();
    return lastToken;
  };
  return {
    token,
    async replace(refused) {
      if (lastToken && lastToken.value() !== refused.value()) return lastToken;
      // The credential may have been deleted with the end of an earlier role assignment, so a new
      // credential is created.
      current = undefined;
      return token();
    },
    fresh: async (milliseconds) => (await memberSession()).fresh(milliseconds),
  };
}

function missingRole(): PropagatorError {
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
