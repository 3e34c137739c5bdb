import middy from '@middy/core';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { ingestFromBroker, ingestFromHttp } from '../lib/app/lambda/ingest.ts';
import { commonDeps } from '../lib/app/lambda/task-deps.ts';
import { isBrokerEvent } from '../lib/engine/aws/lambda/event-sources.ts';
import { replaceErrorWithReport, withPropagator } from '../lib/engine/aws/lambda/middlewares.ts';
import { isSqsEvent, recordsHandler, sqsMiddlewares } from '../lib/engine/aws/lambda/sqs.ts';
import { isHeartbeat } from '../lib/engine/aws/messaging/relay-sink.ts';
import { ingest } from '../lib/handlers/ingest.ts';

/**
 * Creates the Lambda handler that ingests notifications. They come from the ingest queue, from a
 * broker that Lambda polls, or from signed HTTP requests.
 */
export function ingestFunction(environment: Environment) {
  const openContext = lazyContext(environment);
  const commonMiddlewares = [withPropagator('ingest', openContext), replaceErrorWithReport()];
  const answerBroker = middy().use(commonMiddlewares).handler(ingestFromBroker);
  const answerHttp = middy().use(commonMiddlewares).handler(ingestFromHttp);
  const answerQueue = middy()
    .use(sqsMiddlewares('ingest', openContext))
    .handler(
      recordsHandler('ingest', (deliveries, lambda) => ingest(deliveries, commonDeps(lambda)), {
        inOneCall: true,
        isIgnored: isHeartbeat,
      }),
    );
  return (event: unknown, context: Parameters<typeof answerQueue>[1]): Promise<unknown> => {
    if (isSqsEvent(event)) return answerQueue(event, context);
    return isBrokerEvent(event) ? answerBroker(event, context) : answerHttp(event, context);
  };
}
