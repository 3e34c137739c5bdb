import type { Cloud } from '../../../openstack/cloud.ts';
import type { Log } from '../../../shared/log.ts';
import type { Settings } from '../../../shared/settings.ts';
import type { Protection } from '../../../task/safety-rules.ts';
import type { Engine } from '../../port.ts';
import type { AwsEngine } from '../open.ts';
import type { MetricValues } from './metrics.ts';

/** The deps that a Lambda function creates at its first invocation and keeps for later ones. */
export interface LambdaContext {
  readonly engine: AwsEngine;
  /** The same engine, with a log line and metrics for each commit. */
  readonly loggingEngine: Engine;
  readonly cloud: Cloud;
  /** The Keystone URL at which the propagator logs in. */
  readonly authUrl: string;
  readonly settings: Settings;
  readonly log: Log;
  /** The names of the services that have a queue. */
  readonly services: readonly string[];
  /** Returns the accounts that are never cleaned up. */
  readonly protection: () => Promise<Protection>;
  /** Adds these values to the metrics. {@link LambdaContext.flushMetrics} writes the sums. */
  readonly countMetrics: (values: MetricValues) => void;
  /** Writes the metrics since the last flush, with the name of the function. */
  readonly flushMetrics: (functionName: string) => void;
}

/** The context that middy passes to a handler after the middleware {@link withPropagator}. */
export interface InvocationContext {
  readonly awsRequestId: string;
  readonly propagator: LambdaContext;
}
