import { homedir } from 'node:os';
import { join } from 'node:path';
import { engineError } from '../engine-error.ts';
import type { AwsCredentials } from './sign.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const FILE_SETTINGS = 'AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials';

/**
 * Credentials of a process outside of AWS: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
 * `AWS_SESSION_TOKEN`, or the shared file with its profiles. The file is read at each call, for
 * whoever renews short-lived ones there (IAM Roles Anywhere) does so while the process runs. Throws
 * `engine.credentials`, which names what is missing and no value.
 */
export function ownCredentials(
  environment: Environment,
  readFile: (path: string) => string | undefined,
): () => AwsCredentials {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY) {
    const fixed = credentialsOf(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN);
    return () => fixed;
  }
  const path = environment.AWS_SHARED_CREDENTIALS_FILE || join(homedir(), '.aws', 'credentials');
  const profile = environment.AWS_PROFILE || 'default';
  return () => {
    const text = readFile(path);
    if (text === undefined)
      throw missing(
        `there are no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and no file ${path}`,
      );
    const fields = sectionOf(text, profile);
    const {
      aws_access_key_id: id,
      aws_secret_access_key: secret,
      aws_session_token: token,
    } = fields;
    if (!id || !secret)
      throw missing(`${path} has no aws_access_key_id and aws_secret_access_key in [${profile}]`);
    return credentialsOf(id, secret, token);
  };
}

const credentialsOf = (
  accessKeyId: string,
  secretAccessKey: string,
  sessionToken: string | undefined,
): AwsCredentials => ({
  accessKeyId,
  secretAccessKey,
  ...(sessionToken ? { sessionToken } : {}),
});

/** One section of an INI file, keys in small letters. */
function sectionOf(text: string, name: string): Record<string, string> {
  const found: Record<string, string> = {};
  let isOurs = false;
  for (const line of text.split(/\r?\n/)) {
    const [, section] = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line) ?? [];
    if (section !== undefined) isOurs = section === name;
    const [, key, value] = /^\s*([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (isOurs && key !== undefined) found[key.toLowerCase()] = value ?? '';
  }
  return found;
}

const missing = (why: string) =>
  engineError(
    'credentials',
    `No credentials for AWS: ${why}.`,
    `Set them, or ${FILE_SETTINGS} with AWS_PROFILE.`,
  );
