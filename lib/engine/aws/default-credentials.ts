import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { engineError } from '../engine-error.ts';
import type { AwsCredentials } from './clients.ts';

/** The code of the error if no source of the chain has credentials for AWS. */
export const MISSING_CREDENTIALS = 'engine.credentials';

/**
 * Returns a function that provides the credentials of a process outside Lambda. They come from the
 * AWS SDK's default chain of sources: environment, SSO, shared files with profiles,
 * `credential_process`, web identity, container, instance metadata. The chain renews its cached
 * credentials before they expire. The function throws `engine.credentials` if no source has any.
 */
export function defaultCredentials(): () => Promise<AwsCredentials> {
  const chain = fromNodeProviderChain();
  return async () => {
    try {
      return await chain();
    } catch (cause) {
      throw engineError(
        'credentials',
        `No credentials for AWS: ${cause instanceof Error ? cause.message : 'no source has any'}`,
        'Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine ' +
          'or container a role. "aws sts get-caller-identity" shows the login of the AWS CLI.',
      );
    }
  };
}
