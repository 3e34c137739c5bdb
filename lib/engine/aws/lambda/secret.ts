import * as z from 'zod';
import { readCredentialsFrom } from '../../../openstack/clouds/read.ts';
import type { Credentials } from '../../../openstack/credentials.ts';
import { PropagatorError } from '../../../shared/errors.ts';
import type { Aws } from '../clients.ts';

/** The field with the CA as PEM text, in place of `OS_CACERT`: a function has no CA file. */
const CA_FIELD = 'OS_CACERT_PEM';
const CA_PATH = '/secret/ca.pem';
const Secret = z.record(z.string(), z.string());

/** Before a login to Keystone, the secret is read again if the last read is older than this. */
const MAX_AGE_MILLIS = 5 * 60_000;
/** After a refused login, the secret is read again if the last read is older than this. */
const MAX_AGE_AFTER_REFUSAL_MILLIS = 10_000;

/** The dependencies of {@link rotatingCredentials}. */
export interface SecretDeps {
  readonly aws: Pick<Aws, 'secrets'>;
  /** ARN or name of the secret. */
  readonly secretId: string;
  readonly now: () => number;
  /** Called if a read after the first one fails. The earlier login stays in use. */
  readonly onWarning: (message: string, cause: unknown) => void;
}

/**
 * Reads the credentials of the cloud from a secret that holds the `OS_*` variables as one JSON
 * object. The client calls `refresh` before a login to Keystone, and after a login that Keystone
 * has refused. `refresh` reads the secret again if the last read is too old, and returns true if
 * the secret has a new version. A new user or password therefore needs no deployment. All other
 * variables keep the values of the first read. Throws `PropagatorError`, without the content of the
 * secret, if the first read fails.
 */
export async function rotatingCredentials(deps: SecretDeps): Promise<Credentials> {
  const firstSecret = await readSecret(deps);
  let { login, version } = firstSecret;
  let readAt = deps.now();
  return {
    ...firstSecret.login,
    identity: () => login.identity(),
    secret: () => login.secret(),
    async refresh({ isRefused }) {
      const ageMillis = deps.now() - readAt;
      if (ageMillis < (isRefused ? MAX_AGE_AFTER_REFUSAL_MILLIS : MAX_AGE_MILLIS)) return false;
      readAt = deps.now();
      try {
        const newestSecret = await readSecret(deps);
        const isNew = newestSecret.version !== version;
        ({ login, version } = newestSecret);
        return isNew;
      } catch (thrown) {
        deps.onWarning(
          'the secret with the login could not be read again; the earlier login stays in use',
          thrown,
        );
        return false;
      }
    },
  };
}

async function readSecret({
  aws,
  secretId,
}: SecretDeps): Promise<{ login: Credentials; version: string | undefined }> {
  const { SecretString, VersionId } = await aws
    .secrets('GetSecretValue', { SecretId: secretId })
    .catch((cause: unknown) => {
      throw secretError(`it cannot be read: ${cause instanceof Error ? cause.name : 'no answer'}`);
    });
  let secret: z.infer<typeof Secret>;
  try {
    secret = Secret.parse(JSON.parse(SecretString ?? ''));
  } catch {
    // The parser's error text would contain a part of the secret.
    throw secretError('it is not a JSON object of OS_* variables, all of them text');
  }
  const { [CA_FIELD]: ca, ...variables } = secret;
  const login = readCredentialsFrom({
    env: ca === undefined ? variables : { ...variables, OS_CACERT: CA_PATH },
    readFile: (path) => (path === CA_PATH ? ca : undefined),
    // The login is never in a file, so the bundle needs no YAML parser.
    parseYaml: () => undefined,
    home: '/',
    cwd: '/',
  });
  return { login, version: VersionId };
}

const secretError = (problem: string): PropagatorError =>
  new PropagatorError({
    code: 'openstack.secret',
    class: 'Denied',
    message: `The secret with the login of the cloud is unusable: ${problem}`,
    advice:
      'Put the OS_* variables into the secret as one JSON object; docs/aws.md has the command.',
  });
