import { setTimeout as delay } from 'node:timers/promises';
import { Hono } from 'hono';
import { type AwsCredentials, createAws } from '../engine/aws/clients.ts';
import { defaultCredentials } from '../engine/aws/default-credentials.ts';
import { type QueueSink, queueSink } from '../engine/aws/messaging/relay-sink.ts';
import { relayOptions } from '../relay/options.ts';
import { type Relay, type RelayState, startRelay } from '../relay/relay.ts';
import { steadyClock } from '../shared/clock.ts';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';
import { type Settings, settingError } from '../shared/settings.ts';
import { listen } from './listen.ts';
import { startOrUndo, type Teardown } from './teardown.ts';

const HEARTBEAT_MILLIS = 60_000;

/** The options of {@link startRelayOnly}. */
export interface RelayOnlyOptions {
  readonly settings: Settings;
  /** The environment variables. `AWS_REGION` is used if the queue URL contains no region. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Default: the credential chain of the AWS SDK. */
  readonly credentials?: () => Promise<AwsCredentials>;
  readonly log: Logger;
  readonly heartbeatMillis?: number;
}
/**
 * A relay that only forwards notifications to a queue of AWS. It has no database and no OpenStack
 * login.
 */
export interface RelayOnly {
  /** The port on loopback that serves `/healthz`. */
  readonly port: number;
  state(): RelayState;
  stop(): Promise<void>;
}

/**
 * Starts a relay without the rest of the propagator. Throws `PropagatorError` when a setting is
 * wrong or the port cannot be used. An unreachable broker or queue does not fail the start.
 */
export function startRelayOnly(options: RelayOnlyOptions): Promise<RelayOnly> {
  return startOrUndo((teardown) => start(options, teardown));
}

async function start(
  {
    settings,
    environment,
    credentials = defaultCredentials(),
    log,
    heartbeatMillis = HEARTBEAT_MILLIS,
  }: RelayOnlyOptions,
  teardown: Teardown,
): Promise<RelayOnly> {
  const { PROPAGATOR_INGEST_QUEUE_URL: url } = settings;
  if (url === undefined)
    throw settingError(
      'PROPAGATOR_INGEST_QUEUE_URL',
      'set it to the URL of the ingest queue, which is an output of the deployed stack',
    );
  if (settings.RABBITMQ_URL === undefined)
    throw settingError('RABBITMQ_URL', 'set it to the URL of the broker of Keystone');
  const region = regionOf(url) ?? environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION;
  if (!region)
    throw settingError('PROPAGATOR_INGEST_QUEUE_URL', 'the URL contains no region; set AWS_REGION');
  const aws = createAws({
    region,
    endpoint: new URL(url).origin,
    credentials,
  });
  const sink = queueSink(aws, url, Date.now);
  const server = await listen(settings.PROPAGATOR_PORT);
  teardown.add(() => server.close());
  const now = steadyClock();
  const relay = startRelay(relayOptions(settings), { store: sink.store, log, now });
  teardown.add(() => relay.stop());
  const stopping = new AbortController();
  const heartbeatState: HeartbeatState = { failure: undefined };
  const heartbeatLoop = sendHeartbeats(
    relay,
    sink,
    log,
    heartbeatMillis,
    heartbeatState,
    stopping.signal,
  );
  const app = new Hono();
  app.get('/healthz', (context) => {
    const state = relay.state();
    const ok = state.connected && !state.storeFailing && heartbeatState.failure === undefined;
    return context.json(
      { ok, relay: state, queue: url, heartbeat: heartbeatState },
      ok ? 200 : 503,
    );
  });
  server.serve(app);
  return {
    port: server.port,
    state: () => relay.state(),
    async stop() {
      stopping.abort();
      await Promise.allSettled([server.close(), relay.stop(), heartbeatLoop]);
    },
  };
}

/** `failure`: why the last heartbeat failed; `undefined` if the ingest queue accepted it. */
interface HeartbeatState {
  failure: string | undefined;
}

/**
 * Reads the region from `https://sqs.eu-central-1.amazonaws.com/…`, or from the URL of a VPC
 * endpoint.
 */
const regionOf = (url: string): string | undefined =>
  /(?:^|\.)sqs\.([a-z0-9-]+)\.(?:vpce\.)?amazonaws\.(?:com|eu)/.exec(new URL(url).hostname)?.[1];

/**
 * Sends a heartbeat to the queue while the broker is connected and no notification arrives. An
 * alarm on the queue can therefore distinguish a cloud without changes from a relay that stopped or
 * lost its broker.
 */
async function sendHeartbeats(
  relay: Relay,
  sink: QueueSink,
  log: Logger,
  millis: number,
  heartbeatState: HeartbeatState,
  signal: AbortSignal,
): Promise<void> {
  let receivedBefore = 0;
  while (!signal.aborted) {
    const { connected, waiting, received } = relay.state();
    const hasReceived = received > receivedBefore;
    receivedBefore = received;
    // The queue has accepted these notifications, so the queue works.
    if (hasReceived) heartbeatState.failure = undefined;
    else if (connected && waiting === undefined) await sendHeartbeat(sink, log, heartbeatState);
    await delay(millis, undefined, { signal }).catch(() => undefined);
  }
}

async function sendHeartbeat(
  sink: QueueSink,
  log: Logger,
  heartbeatState: HeartbeatState,
): Promise<void> {
  try {
    await sink.sendHeartbeat();
    heartbeatState.failure = undefined;
  } catch (thrown) {
    const error = reportOf(thrown, { code: 'relay.heartbeat' });
    if (heartbeatState.failure === undefined)
      log.warn({ error }, 'the ingest queue did not accept the heartbeat; the relay retries');
    heartbeatState.failure = error.message;
  }
}
