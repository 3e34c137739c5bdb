import { fedFunction } from '../../lib/engine/aws/function/fed.ts';
import type { Environment } from '../../lib/engine/aws/function/warm.ts';
import { type RemoteService, serveRemote } from '../remote.ts';
import { passPorts } from './pass-ports.ts';

/** The function of a service of the operator's own that is asked over HTTP. */
export const remoteFunction = (environment: Environment, remote: RemoteService) =>
  fedFunction(`service-${remote.name}`, environment, (deliveries, warm) => serveRemote(remote, deliveries, passPorts(warm)));
