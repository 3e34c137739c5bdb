import { PropagatorError } from '../shared/errors.ts';
import { addressOf, type Source } from './options.ts';

/**
 * AMQP's reply code (404, 406) of a closed channel or connection, or Node's code (`ECONNREFUSED`)
 * of a socket.
 */
function codeOf(thrown: unknown): number | string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'number' || typeof thrown.code === 'string'
    ? thrown.code
    : undefined;
}

/** True if the broker reported that the queue or exchange does not exist. */
export const isMissing = (thrown: unknown): boolean => codeOf(thrown) === 404;

/**
 * Converts any failure of the broker to an error with advice. It keeps the broker's text, which
 * names queues and arguments but never a login. The relay retries after each failure.
 * `hasSeenQueue`: this process has consumed the queue before, so it exists.
 */
export function brokerFailure(
  thrown: unknown,
  source: Source,
  url: string,
  hasSeenQueue: boolean,
): PropagatorError {
  if (thrown instanceof PropagatorError) return thrown;
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  const { broker, virtualHost } = addressOf(url);
  const failure = (
    code: string,
    resourceType: 'Transient' | 'Denied',
    message: string,
    advice: string,
  ): PropagatorError =>
    new PropagatorError(
      { code: `rabbitmq.${code}`, class: resourceType, service: 'rabbitmq', message, advice },
      { cause: thrown },
    );

  if (codeOf(thrown) === 406 && source.mode === 'own')
    return failure(
      'queue.arguments',
      'Denied',
      `queue ${source.queue} exists already with other properties: ${said}`,
      'Set RABBITMQ_QUEUE_TYPE to what it is, choose another RABBITMQ_QUEUE, or delete the old queue once it is empty (rabbitmqctl delete_queue NAME --if-empty).',
    );
  // amqplib does not pass on why the broker closed the connection in place of opening the virtual
  // host.
  if (/Expected ConnectionOpenOk; got <ConnectionClose/.test(said))
    return failure(
      'virtual-host',
      'Denied',
      `${broker} does not open the virtual host ${virtualHost}: it does not exist, or the login may not use it`,
      `End RABBITMQ_URL with the virtual host in which Keystone publishes (transport_url in keystone.conf). rabbitmqctl list_vhosts shows all; rabbitmqctl list_permissions -p ${virtualHost} shows which logins may use it.`,
    );
  if (codeOf(thrown) === 403 || /ACCESS[-_]REFUSED|NOT_ALLOWED|403/.test(said))
    return failure(
      'denied',
      'Denied',
      `${broker} refuses: ${said}`,
      `The login in RABBITMQ_URL needs the virtual host ${virtualHost}, configure, write and read on queue ${source.queue}${source.mode === 'own' ? `, and read on exchange ${source.exchange}` : ''} (rabbitmqctl set_permissions).`,
    );
  if (isTlsFailure(thrown, said))
    return failure(
      'tls',
      'Denied',
      `the TLS connection to ${broker} failed: ${said}`,
      'Set RABBITMQ_CA_FILE to the CA of the broker, RABBITMQ_SERVER_NAME to a name in its certificate if it differs from the host, and RABBITMQ_CERT_FILE with RABBITMQ_KEY_FILE if the broker asks for a certificate.',
    );
  const kept = hasSeenQueue
    ? `Queue ${source.queue} keeps what Keystone sends as long as it exists.`
    : `This process has not seen queue ${source.queue} yet: if no earlier run made it, what Keystone sends before the first connection is lost.`;
  return failure(
    'away',
    'Transient',
    `${broker} cannot be used: ${said || 'the connection was closed'}`,
    `The relay tries again until it is stopped. ${kept}`,
  );
}

const isTlsFailure = (thrown: unknown, said: string): boolean =>
  /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(`${codeOf(thrown)} ${said}`) ||
  /certificate|wrong version number/i.test(said);

/** The text for a queue or an exchange that Keystone has not created yet, which is not a fault. */
export function missing(source: Source): string {
  if (source.mode === 'topic')
    return `queue ${source.queue} does not exist yet: Keystone makes it with its first notification, if its topics name ${source.queue.replace(/\.info$/, '')}`;
  return `no publisher yet: exchange ${source.exchange} does not exist, Keystone makes it with its first notification (look at driver in [oslo_messaging_notifications])`;
}
