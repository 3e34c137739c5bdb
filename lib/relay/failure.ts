import { PropagatorError } from '../shared/errors.ts';
import { addressOf, type Source } from './options.ts';

/**
 * Returns the code of a failure: the AMQP reply code (404, 406) of a channel or connection, or
 * Node's code (`ECONNREFUSED`) of a socket.
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
 * Converts any failure of the broker to an error with advice. The error contains the broker's text,
 * which names queues and arguments but never a login. The relay retries after each failure.
 * `hasSeenQueue`: this process has consumed the queue before.
 */
export function brokerFailure(
  thrown: unknown,
  source: Source,
  url: string,
  hasSeenQueue: boolean,
): PropagatorError {
  if (thrown instanceof PropagatorError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const { broker, virtualHost } = addressOf(url);
  const failure = (
    code: string,
    errorClass: 'Transient' | 'Denied',
    message: string,
    advice: string,
  ): PropagatorError =>
    new PropagatorError(
      { code: `rabbitmq.${code}`, class: errorClass, service: 'rabbitmq', message, advice },
      { cause: thrown },
    );

  if (codeOf(thrown) === 406 && source.mode === 'own')
    return failure(
      'queue.arguments',
      'Denied',
      `queue ${source.queue} already exists with other properties: ${text}`,
      'Set RABBITMQ_QUEUE_TYPE to the type of the queue, or RABBITMQ_QUEUE to another name. ' +
        'Or delete the old queue after it is empty: rabbitmqctl delete_queue NAME --if-empty',
    );
  // The broker closed the connection when the relay opened the virtual host. amqplib does not
  // report the reason.
  if (/Expected ConnectionOpenOk; got <ConnectionClose/.test(text))
    return failure(
      'virtual-host',
      'Denied',
      `${broker} refused the virtual host ${virtualHost}: it does not exist, or the login ` +
        'has no permission for it',
      'Put the virtual host in which Keystone publishes (transport_url in keystone.conf) at ' +
        'the end of RABBITMQ_URL. List the virtual hosts: rabbitmqctl list_vhosts. List the ' +
        `permissions: rabbitmqctl list_permissions -p ${virtualHost}`,
    );
  if (codeOf(thrown) === 403 || /ACCESS[-_]REFUSED|NOT_ALLOWED|403/.test(text))
    return failure(
      'denied',
      'Denied',
      `${broker} refused the login or an operation: ${text}`,
      'Grant the login in RABBITMQ_URL the permissions configure, write and read ' +
        `on queue ${source.queue} in virtual host ${virtualHost}` +
        `${source.mode === 'own' ? `, and read on exchange ${source.exchange}` : ''} ` +
        '(rabbitmqctl set_permissions).',
    );
  if (isTlsFailure(thrown, text))
    return failure(
      'tls',
      'Denied',
      `the TLS connection to ${broker} failed: ${text}`,
      'Set RABBITMQ_CA_FILE to the CA of the broker. If its certificate has another name ' +
        'than the host, set RABBITMQ_SERVER_NAME to that name. If the broker requests a client ' +
        'certificate, set RABBITMQ_CERT_FILE and RABBITMQ_KEY_FILE.',
    );
  const kept = hasSeenQueue
    ? `Queue ${source.queue} keeps the notifications of Keystone as long as the queue exists.`
    : `This process has not seen queue ${source.queue} yet. If the queue does not exist, ` +
      'notifications are lost until the relay connects.';
  return failure(
    'away',
    'Transient',
    `${broker} cannot be used: ${text || 'the connection was closed'}`,
    `The relay retries until it is stopped. ${kept}`,
  );
}

const isTlsFailure = (thrown: unknown, text: string): boolean =>
  /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(`${codeOf(thrown)} ${text}`) ||
  /certificate|wrong version number/i.test(text);

/**
 * Returns the text for a queue or an exchange that Keystone has not created yet. A missing queue or
 * exchange is not a fault.
 */
export function missingText(source: Source): string {
  if (source.mode === 'topic')
    return (
      `queue ${source.queue} does not exist yet; Keystone creates it with its first ` +
      `notification if topics in keystone.conf has ${source.queue.replace(/\.info$/, '')}`
    );
  return (
    `exchange ${source.exchange} does not exist yet; Keystone creates it with its first ` +
    'notification (check driver in [oslo_messaging_notifications] of keystone.conf)'
  );
}
