import * as z from 'zod';
import { ServiceDependency } from '../../../events/dependency.ts';
import { LeftOutShape, UncoveredShape, WaiverShape } from './coverage.ts';

const ServiceShape = z.looseObject({
  name: z.string(),
  catalogTypes: z.array(z.string()),
  classes: z.array(z.string()),
  resourceTypes: z.array(z.string()),
  userResourceTypes: z.array(z.string()),
  noProjectResources: z.string().optional(),
  dependsOn: z.array(ServiceDependency),
  preDelete: z.boolean(),
  offByDefault: z.string().optional(),
  on: z.boolean(),
  regions: z.array(z.string()),
  /** The missing permission of the propagator for this service. */
  problem: z.looseObject({ message: z.string(), advice: z.string() }).optional(),
});
export type ServiceShape = z.infer<typeof ServiceShape>;
export const ServicesShape = z.object({
  services: z.array(ServiceShape),
  httpPlugins: z.array(z.string()),
  uncovered: z.array(UncoveredShape),
  leftOut: z.array(LeftOutShape).default([]),
  waived: z.array(WaiverShape),
});
