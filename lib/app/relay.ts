import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serve as serveHttp } from '@hono/node-server';
import { Hono } from 'hono';
import { type AwsCredentials, createAws } from '../engine/aws/clients.ts';
import { type QueueSink, queueSink } from '../engine/aws/messaging/relay-sink.ts';
import { ownCredentials } from '../engine/aws/own-credentials.ts';
import { relayOptions } from '../relay/options.ts';
import { type Relay, type RelayState, startRelay } from '../relay/relay.ts';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';
import { type Settings, settingError } from '../shared/settings.ts';

const BEAT_MILLIS = 60_000;

export interface RelayOnlyOptions {
  readonly settings: Settings;
  /**
   * Where the region of a queue that does not name it is read from.
   */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Default: the AWS SDK's own chain. */
  readonly credentials?: () => Promise<AwsCredentials>;
  readonly log: Logger;
  readonly beatMillis?: number;
}
/**
 * A relay that carries on into a queue of AWS, and nothing else: no database, no login in
 * OpenStack.
 */
export interface RelayOnly {
  /** The port on loopback where `/healthz` answers. */
  readonly port: number;
  state(): RelayState;
  stop(): Promise<void>;
}

/**
 * Throws `PropagatorError` when a setting is wrong or the port can't be had; a broker or an AWS
 * that is away is waited for.
 */
export async function startRelayOnly({
  settings,
  environment,
  credentials = ownCredentials(),
  log,
  beatMillis = BEAT_MILLIS,
}: RelayOnlyOptions): Promise<RelayOnly> {
  const { PROPAGATOR_INGEST_QUEUE_URL: url } = settings;
  if (url === undefined)
    throw settingError(
      'PROPAGATOR_INGEST_QUEUE_URL',
      'set the URL of the ingest queue; the deployment tells it',
    );
  if (settings.RABBITMQ_URL === undefined)
    throw settingError('RABBITMQ_URL', 'set the broker that Keystone sends to');
  const region = regionOf(url) ?? environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION;
  if (!region)
    throw settingError('PROPAGATOR_INGEST_QUEUE_URL', 'it names no region: set AWS_REGION');
  const aws = createAws({
    region,
    endpoint: new URL(url).origin,
    credentials,
  });
  const sink = queueSink(aws, url, Date.now);
  const relay = startRelay(relayOptions(settings), { store: sink.store, log, now: Date.now });
  const stopping = new AbortController();
  const beating = beat(relay, sink, log, beatMillis, stopping.signal);
  const app = new Hono();
  app.get('/healthz', (context) => {
    const state = relay.state();
    return context.json(
      { ok: state.connected, relay: state, sink: url },
      state.connected ? 200 : 503,
    );
  });
  const server = serveHttp({
    fetch: app.fetch,
    port: settings.PROPAGATOR_PORT,
    hostname: '127.0.0.1',
  });
  const stop = async () => {
    stopping.abort();
    await relay.stop();
    await beating;
  };
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve);
      server.once('error', reject);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port: (server.address() as AddressInfo).port,
    state: () => relay.state(),
    async stop() {
      await stop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `https://sqs.eu-central-1.amazonaws.com/…`, or one of a VPC endpoint. */
const regionOf = (url: string): string | undefined =>
  /(?:^|\.)sqs\.([a-z0-9-]+)\.(?:vpce\.)?amazonaws\.(?:com|eu)/.exec(new URL(url).hostname)?.[1];

/**
 * As long as the broker is heard. Silence is then told apart from a relay that died, or lost its
 * broker: of those, somebody must know.
 */
async function beat(
  relay: Relay,
  sink: QueueSink,
  log: Logger,
  millis: number,
  signal: AbortSignal,
): Promise<void> {
  let troubled = false;
  for (
    let beaten = 0;
    !signal.aborted;
    await delay(millis, undefined, { signal }).catch(() => undefined)
  ) {
    const { connected, waiting, received } = relay.state();
    const isHeard = connected && waiting === undefined;
    if (!isHeard || received > beaten) {
      beaten = received;
      continue;
    }
    try {
      await sink.beat();
      troubled = false;
    } catch (thrown) {
      if (!troubled)
        log.warn(
          { error: reportOf(thrown, { code: 'relay.heartbeat' }) },
          'AWS did not take the heartbeat; it is tried again',
        );
      troubled = true;
    }
  }
}
