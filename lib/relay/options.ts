import type { Backoff } from '../shared/backoff.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { Settings } from '../shared/settings.ts';
import { type BrokerTls, brokerTls, type TlsSettings } from './tls.ts';

/** The source of the notifications. */
export type Source =
  /** A durable queue of the relay, bound to Keystone's exchange. */
  | {
      readonly mode: 'own';
      readonly queue: string;
      readonly exchange: string;
      readonly routingKey: string;
      /** For example `x-queue-type: quorum`; empty for a classic queue. */
      readonly arguments: Readonly<Record<string, string | number | boolean>>;
    }
  /**
   * The queue of an additional topic that no other program consumes (`topics = notifications,ours`
   * in keystone.conf). Keystone creates the queue, and the relay only consumes it.
   */
  | { readonly mode: 'topic'; readonly queue: string };

export interface RelayOptions {
  /** `amqp://` or `amqps://` URLs, one per host, tried in turn. */
  readonly urls: readonly string[];
  /** TLS options for `amqps://` URLs. */
  readonly tls: BrokerTls;
  readonly source: Source;
  /** The number of messages that the broker may deliver before an acknowledgment. */
  readonly prefetch: number;
  /**
   * `size`: the maximum number of notifications in a batch. `waitMillis`: how long the first
   * notification of a batch waits for further ones.
   */
  readonly batchLimits: { readonly size: number; readonly waitMillis: number };
  /** The delays between two attempts after a failure of the broker or of the store. */
  readonly backOff: Backoff;
  /**
   * The interval at which the relay checks whether a missing exchange or queue exists. The interval
   * is short, because notifications that Keystone sends before the queue is bound are lost.
   */
  readonly existenceCheckMillis: number;
  /**
   * The interval at which the binding is renewed. An exchange that was deleted and created again
   * has lost its bindings.
   */
  readonly bindingRenewalMillis: number;
  /**
   * RabbitMQ's management API, for facts that AMQP does not show. A URL without a login uses the
   * broker's login.
   */
  readonly managementUrl: string | undefined;
}

/**
 * The queue that all services in the virtual host share. Ceilometer consumes this queue, and would
 * not receive a message that the relay has consumed.
 */
const SHARED_QUEUE = 'notifications.info';

export const DEFAULTS = {
  tls: {},
  prefetch: 1000,
  batchLimits: { size: 500, waitMillis: 20 },
  backOff: { firstMillis: 500, maxMillis: 30_000 },
  existenceCheckMillis: 5_000,
  bindingRenewalMillis: 30_000,
  managementUrl: undefined,
} satisfies Partial<RelayOptions>;

type RelaySettings = TlsSettings &
  Pick<
    Settings,
    | 'RABBITMQ_EXCHANGE'
    | 'RABBITMQ_ROUTING_KEY'
    | 'RABBITMQ_QUEUE'
    | 'RABBITMQ_QUEUE_TYPE'
    | 'RABBITMQ_TOPIC_QUEUE'
    | 'RABBITMQ_SHARED_QUEUE'
    | 'RABBITMQ_MANAGEMENT_URL'
  >;

/**
 * Returns the options of the relay from the settings. Throws {@link PropagatorError} if the relay
 * would consume messages that are meant for other consumers.
 */
export function relayOptions(settings: RelaySettings): RelayOptions {
  const {
    RABBITMQ_TOPIC_QUEUE: topicQueue,
    RABBITMQ_QUEUE: queue,
    RABBITMQ_ROUTING_KEY: routingKey,
  } = settings;
  if (topicQueue === SHARED_QUEUE && settings.RABBITMQ_SHARED_QUEUE !== 'consume')
    throw settingsError(
      `RABBITMQ_TOPIC_QUEUE: all services publish to ${SHARED_QUEUE}, and Ceilometer consumes it`,
      'Unset RABBITMQ_TOPIC_QUEUE, so that the relay binds its own queue to the exchange. If ' +
        'no other program consumes the shared queue, set RABBITMQ_SHARED_QUEUE=consume.',
    );
  if (topicQueue === undefined && (queue === SHARED_QUEUE || queue === routingKey))
    throw settingsError(
      `RABBITMQ_QUEUE: ${queue} is a queue that Keystone declares`,
      'Set RABBITMQ_QUEUE to another name, or consume the queue of a topic with ' +
        'RABBITMQ_TOPIC_QUEUE.',
    );
  return {
    ...DEFAULTS,
    urls: settings.RABBITMQ_URL ?? [],
    tls: brokerTls(settings),
    managementUrl: settings.RABBITMQ_MANAGEMENT_URL,
    source:
      topicQueue === undefined
        ? {
            mode: 'own',
            queue,
            exchange: settings.RABBITMQ_EXCHANGE,
            routingKey,
            arguments:
              settings.RABBITMQ_QUEUE_TYPE === 'quorum' ? { 'x-queue-type': 'quorum' } : {},
          }
        : { mode: 'topic', queue: topicQueue },
  };
}

function settingsError(message: string, advice: string): PropagatorError {
  return new PropagatorError({ code: 'settings.wrong', class: 'Denied', message, advice });
}

/** Returns host, port and virtual host of a broker's URL, without its login. */
export function addressOf(url: string): { readonly broker: string; readonly virtualHost: string } {
  if (!URL.canParse(url)) return { broker: 'an invalid URL', virtualHost: '?' };
  const { hostname, port, protocol, pathname } = new URL(url);
  // Like amqplib, treat an empty path as `/`: `amqp://host` and `amqp://host/`.
  return {
    broker: `${hostname}:${port || (protocol === 'amqps:' ? 5671 : 5672)}`,
    virtualHost: decodeURIComponent(pathname.slice(1)) || '/',
  };
}
