import type { Cloud } from '../openstack/cloud.ts';
import type { Protection } from '../task/safety-rules.ts';

/**
 * Returns the accounts that the settings protect, and the accounts that the propagator's own login
 * needs. Throws the error of a failed login.
 */
export async function protectionOf(
  protectedIds: Pick<Protection, 'projects' | 'domains'>,
  cloud: Pick<Cloud, 'ownProject' | 'ownUser'>,
): Promise<Protection> {
  const [project, user] = await Promise.all([cloud.ownProject(), cloud.ownUser()]);
  return {
    ...protectedIds,
    ownProject: project.id,
    ownProjectDomain: project.domainId,
    ownUserDomain: user.domainId,
  };
}
