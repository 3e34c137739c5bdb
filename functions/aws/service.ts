import type { Service } from '../../lib/cleanup/service.ts';
import { fedFunction } from '../../lib/engine/aws/function/fed.ts';
import type { Environment } from '../../lib/engine/aws/function/warm.ts';
import type { ServiceAddress } from '../../lib/openstack/cloud.ts';
import { serve } from '../service.ts';
import { passPorts } from './pass-ports.ts';

/** The function of one service on Lambda. Of the other services it knows where they are found, for one may ask another. */
export const serviceFunction = (environment: Environment, service: Service, services: readonly ServiceAddress[]) =>
  fedFunction(`service-${service.name}`, environment, (deliveries, warm) => serve(service, deliveries, { ...passPorts(warm), services }));
