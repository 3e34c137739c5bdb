import { MISSING_CREDENTIALS } from '../engine/aws/default-credentials.ts';
import { PropagatorError } from '../shared/errors.ts';
import { isLoopback, MISSING_TOKEN } from './token.ts';

/** The error codes of a call that needs an API token or AWS credentials but has none. */
const MISSING_CREDENTIAL_CODES: readonly string[] = [MISSING_TOKEN, MISSING_CREDENTIALS];

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * Adds a token of Keystone to the calls of an API that requires one. Such an API answers 401 with
 * `WWW-Authenticate: Keystone`. The token stays in memory, and is sent over plain HTTP only to this
 * machine.
 *
 * @param sendWithoutKeystone Sends a call with an API token or an AWS signature. If the token or
 *   the credentials are missing, throws an error with a code of {@link MISSING_CREDENTIAL_CODES}.
 * @param issueToken Logs in, and returns a token of Keystone. It is called after the first 401, and
 *   again when the token has expired.
 */
export function withKeystoneLogin(
  baseUrl: string,
  sendWithoutKeystone: Fetch,
  issueToken: () => Promise<string>,
  send: Fetch = fetch,
): Fetch {
  let token: string | undefined;
  const sendWithKeystoneToken = (url: string, init: RequestInit, keystoneToken: string) => {
    const headers = new Headers(init.headers);
    headers.set('x-auth-token', keystoneToken);
    return send(url, { ...init, headers });
  };
  /**
   * Sends the call without a token of Keystone. If there is no other token or signature, it sends
   * an empty call, whose answer shows whether the API requires a token of Keystone.
   */
  const sendOrProbe = async (url: string, init: RequestInit): Promise<Response> => {
    try {
      return await sendWithoutKeystone(url, init);
    } catch (thrown) {
      if (
        !(thrown instanceof PropagatorError) ||
        !MISSING_CREDENTIAL_CODES.includes(thrown.report.code)
      )
        throw thrown;
      // The call has no body, so that nothing about a change leaves this machine.
      const answer = await send(url, { method: 'HEAD' });
      if (requiresKeystoneToken(answer)) return answer;
      throw thrown;
    }
  };
  return async (url, init) => {
    const answer =
      token === undefined
        ? await sendOrProbe(url, init)
        : await sendWithKeystoneToken(url, init, token);
    if (!requiresKeystoneToken(answer)) return answer;
    refusePlainHttp(baseUrl);
    token = await issueToken().catch((thrown: unknown) => {
      throw loginError(baseUrl, thrown);
    });
    return sendWithKeystoneToken(url, init, token);
  };
}

/**
 * True if an answer says that the API requires a token of Keystone. API Gateway renames the header
 * `WWW-Authenticate`.
 */
const requiresKeystoneToken = ({ status, headers }: Response): boolean =>
  status === 401 &&
  ['www-authenticate', 'x-amzn-remapped-www-authenticate'].some((name) =>
    /^Keystone\b/i.test(headers.get(name) ?? ''),
  );

function refusePlainHttp(baseUrl: string): void {
  const { protocol, hostname } = new URL(baseUrl);
  if (protocol === 'https:' || isLoopback(hostname)) return;
  throw new PropagatorError({
    code: 'cli.token',
    class: 'Denied',
    message: `a token of Keystone would be sent to ${hostname} unencrypted; nothing was sent`,
    advice: 'Set PROPAGATOR_API_URL to an https:// URL.',
  });
}

function loginError(baseUrl: string, thrown: unknown): unknown {
  if (!(thrown instanceof PropagatorError)) return thrown;
  const { report } = thrown;
  return new PropagatorError(
    {
      ...report,
      message:
        `the API at ${baseUrl} needs a token of Keystone; ` + `the login failed: ${report.message}`,
      advice:
        `${report.advice} The login is that of \`openstack\`: --os-cloud, OS_CLOUD or the OS_* ` +
        'variables.',
    },
    { cause: thrown },
  );
}
