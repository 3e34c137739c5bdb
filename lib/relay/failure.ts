import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
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
export const isNotFoundError = (thrown: unknown): boolean => codeOf(thrown) === 404;

/** A failure of the broker, with the values that its error texts contain. */
interface Failure {
  readonly thrown: unknown;
  /** The text of the broker. */
  readonly text: string;
  readonly source: Source;
  readonly broker: string;
  readonly virtualHost: string;
}

type FailureReport = Pick<ErrorReport, 'code' | 'class' | 'message' | 'advice'>;

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
  const failure: Failure = { thrown, text, source, ...addressOf(url) };
  const report =
    differentArgumentsReport(failure) ??
    refusedVirtualHostReport(failure) ??
    refusedLoginReport(failure) ??
    failedTlsReport(failure) ??
    unavailableReport(failure, hasSeenQueue);
  return new PropagatorError({ ...report, service: 'rabbitmq' }, { cause: thrown });
}

const differentArgumentsReport = ({ source, text, thrown }: Failure): FailureReport | undefined =>
  codeOf(thrown) === 406 && source.mode === 'own'
    ? {
        code: 'rabbitmq.queue.arguments',
        class: 'Denied',
        message: `queue ${source.queue} already exists with other properties: ${text}`,
        advice:
          'Set RABBITMQ_QUEUE_TYPE to the type of the queue, or RABBITMQ_QUEUE to another name. ' +
          'Or delete the old queue after it is empty: rabbitmqctl delete_queue NAME --if-empty',
      }
    : undefined;

/**
 * Recognizes that the broker closed the connection when the relay opened the virtual host. amqplib
 * does not report the reason.
 */
const refusedVirtualHostReport = ({
  broker,
  text,
  virtualHost,
}: Failure): FailureReport | undefined =>
  /Expected ConnectionOpenOk; got <ConnectionClose/.test(text)
    ? {
        code: 'rabbitmq.virtual-host',
        class: 'Denied',
        message:
          `${broker} refused the virtual host ${virtualHost}: it does not exist, or the login ` +
          'has no permission for it',
        advice:
          'Put the virtual host in which Keystone publishes (transport_url in keystone.conf) at ' +
          'the end of RABBITMQ_URL. List the virtual hosts: rabbitmqctl list_vhosts. List the ' +
          `permissions: rabbitmqctl list_permissions -p ${virtualHost}`,
      }
    : undefined;

function refusedLoginReport(failure: Failure): FailureReport | undefined {
  const { broker, source, text, thrown, virtualHost } = failure;
  // A number of OpenSSL such as `403D4AD6CB7F0000` is not the status 403.
  if (codeOf(thrown) !== 403 && !/ACCESS[-_]REFUSED|NOT_ALLOWED|\b403\b/.test(text))
    return undefined;
  const exchange = source.mode === 'own' ? `, and read on exchange ${source.exchange}` : '';
  return {
    code: 'rabbitmq.denied',
    class: 'Denied',
    message: `${broker} refused the login or an operation: ${text}`,
    advice:
      'Grant the login in RABBITMQ_URL the permissions configure, write and read ' +
      `on queue ${source.queue} in virtual host ${virtualHost}${exchange} ` +
      '(rabbitmqctl set_permissions).',
  };
}

const failedTlsReport = ({ broker, text, thrown }: Failure): FailureReport | undefined =>
  isTlsFailure(thrown, text)
    ? {
        code: 'rabbitmq.tls',
        class: 'Denied',
        message: `the TLS connection to ${broker} failed: ${text}`,
        advice:
          'Set RABBITMQ_CA_FILE to the CA of the broker. If its certificate has another name ' +
          'than the host, set RABBITMQ_SERVER_NAME to that name. If the broker requests a client ' +
          'certificate, set RABBITMQ_CERT_FILE and RABBITMQ_KEY_FILE.',
      }
    : undefined;

function unavailableReport(
  { broker, source, text }: Failure,
  hasSeenQueue: boolean,
): FailureReport {
  const keptText = hasSeenQueue
    ? `Queue ${source.queue} keeps the notifications of Keystone as long as the queue exists.`
    : `This process has not seen queue ${source.queue} yet. If the queue does not exist, ` +
      'notifications are lost until the relay connects.';
  return {
    code: 'rabbitmq.away',
    class: 'Transient',
    message: `${broker} cannot be used: ${text || 'the connection was closed'}`,
    advice: `The relay retries until it is stopped. ${keptText}`,
  };
}

const isTlsFailure = (thrown: unknown, text: string): boolean =>
  /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(`${codeOf(thrown)} ${text}`) ||
  /certificate|wrong version number/i.test(text);

/**
 * Returns the text about the queue or exchange of the source that Keystone has not created yet.
 * This is not an error: Keystone creates them with its first notification.
 */
export function describeMissingSource(source: Source): string {
  if (source.mode === 'topic')
    return (
      `queue ${source.queue} does not exist yet; Keystone creates it with its first ` +
      'notification if the option topics in keystone.conf contains ' +
      source.queue.replace(/\.info$/, '')
    );
  return (
    `exchange ${source.exchange} does not exist yet; Keystone creates it with its first ` +
    'notification (check driver in [oslo_messaging_notifications] of keystone.conf)'
  );
}
