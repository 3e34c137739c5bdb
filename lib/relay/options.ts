import { PropagatorError } from '../shared/errors.ts';
import type { Settings } from '../shared/settings.ts';
import { type BrokerTls, brokerTls, type TlsSettings } from './tls.ts';

/** Where the relay takes notifications from. */
export type Source =
  /** A durable queue of our own, bound to an exchange that belongs to Keystone. */
  | {
      readonly mode: 'own';
      readonly queue: string;
      readonly exchange: string;
      readonly routingKey: string;
      /** `x-queue-type: quorum` and the like; none is a classic queue. */
      readonly arguments: Readonly<Record<string, string | number | boolean>>;
    }
  /**
   * The queue of a topic that Keystone sends to for us alone (`topics = notifications,ours`):
   * Keystone made it, we only consume it.
   */
  | { readonly mode: 'topic'; readonly queue: string };

export interface RelayOptions {
  /** `amqp://` or `amqps://`, one per host, tried in turn. */
  readonly urls: readonly string[];
  /** For `amqps://`. */
  readonly tls: BrokerTls;
  readonly source: Source;
  /** Messages that the broker may hand over before one is acknowledged. */
  readonly prefetch: number;
  /** Notifications stored together, and how long the first of them waits for others. */
  readonly batch: { readonly size: number; readonly waitMillis: number };
  /** Waits after failures: the first, doubled each time, never more than the most. */
  readonly backOff: { readonly firstMillis: number; readonly mostMillis: number };
  /**
   * How often a missing exchange or queue is looked for. What Keystone sends before we are bound is
   * not ours.
   */
  readonly lookMillis: number;
  /**
   * How often the binding is renewed while all is well: an exchange that was deleted and made anew
   * has lost it.
   */
  readonly renewMillis: number;
  /**
   * RabbitMQ's management API, for what AMQP can't tell. With the login of the broker unless it
   * names one.
   */
  readonly managementUrl: string | undefined;
}

/**
 * Every service in the virtual host shares it, and Ceilometer consumes it: what we took, others
 * would miss.
 */
const SHARED_QUEUE = 'notifications.info';

export const DEFAULTS = {
  tls: {},
  prefetch: 500,
  batch: { size: 100, waitMillis: 20 },
  backOff: { firstMillis: 500, mostMillis: 30_000 },
  lookMillis: 5_000,
  renewMillis: 30_000,
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
 * The relay's options from the settings. Throws {@link PropagatorError} where they would take
 * messages that belong to others.
 */
export function relayOptions(settings: RelaySettings): RelayOptions {
  const {
    RABBITMQ_TOPIC_QUEUE: topicQueue,
    RABBITMQ_QUEUE: queue,
    RABBITMQ_ROUTING_KEY: routingKey,
  } = settings;
  if (topicQueue === SHARED_QUEUE && settings.RABBITMQ_SHARED_QUEUE !== 'consume')
    throw refused(
      `RABBITMQ_TOPIC_QUEUE: ${SHARED_QUEUE} is shared by all services and consumed by Ceilometer`,
      'Unset it, and a queue of our own is bound to the exchange instead; if really nobody else reads that queue, set RABBITMQ_SHARED_QUEUE=consume.',
    );
  if (topicQueue === undefined && (queue === SHARED_QUEUE || queue === routingKey))
    throw refused(
      `RABBITMQ_QUEUE: ${queue} is a queue that Keystone itself declares`,
      'Choose a name of its own, or consume a topic’s queue as it is with RABBITMQ_TOPIC_QUEUE.',
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

function refused(message: string, advice: string): PropagatorError {
  return new PropagatorError({ code: 'settings.wrong', class: 'Denied', message, advice });
}

/** Host, port and virtual host of a broker's URL; never its login. */
export function addressOf(url: string): { readonly broker: string; readonly virtualHost: string } {
  if (!URL.canParse(url)) return { broker: 'an unreadable address', virtualHost: '?' };
  const { hostname, port, protocol, pathname } = new URL(url);
  // amqplib takes an empty path for `/`, as `amqp://host` and `amqp://host/` are meant.
  return {
    broker: `${hostname}:${port || (protocol === 'amqps:' ? 5671 : 5672)}`,
    virtualHost: decodeURIComponent(pathname.slice(1)) || '/',
  };
}
