import { fedFunction } from '../../lib/engine/aws/function/fed.ts';
import type { Environment } from '../../lib/engine/aws/function/warm.ts';
import { coordinate } from '../coordinate.ts';
import { overviewPorts } from './ports.ts';

/** The coordinator's function on Lambda. */
export const coordinateFunction = (environment: Environment) =>
  fedFunction('coordinate', environment, (deliveries, warm) => coordinate(deliveries, overviewPorts(warm)));
