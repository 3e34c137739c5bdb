import * as z from 'zod';
import { LeftOutShape, UncoveredShape } from './coverage.ts';

const PlanNoteShape = z.looseObject({
  service: z.string(),
  region: z.string(),
  resourceType: z.string().optional(),
  message: z.string(),
  advice: z.string().optional(),
  count: z.number(),
});
export const PlanShape = z.looseObject({
  id: z.string(),
  scope: z.looseObject({ type: z.string(), id: z.string(), name: z.string().optional() }),
  state: z.string(),
  requestedBy: z.string(),
  openedAt: z.number(),
  digest: z.string().optional(),
  resources: z.number(),
  services: z.array(
    z.looseObject({
      service: z.string(),
      region: z.string(),
      state: z.string(),
      because: z.string().optional(),
      types: z.array(z.looseObject({ resourceType: z.string(), count: z.number() })),
      unlisted: z.array(z.string()),
    }),
  ),
  unreachable: z.array(PlanNoteShape),
  leftToOthers: z.array(PlanNoteShape),
  uncovered: z.array(UncoveredShape),
  leftOut: z.array(LeftOutShape),
  keystoneCheck: z.looseObject({
    refusals: z.array(z.looseObject({ message: z.string(), advice: z.string() })),
    unknown: z.array(z.string()),
  }),
  /** Plans of a domain only: its projects, each child before its parent. */
  projects: z
    .array(
      z.looseObject({
        id: z.string(),
        name: z.string().optional(),
        parentId: z.string().optional(),
        planId: z.string().optional(),
        protectedBecause: z.string().optional(),
        resources: z.number(),
      }),
    )
    .default([]),
  estimate: z
    .looseObject({
      calls: z.number(),
      millis: z.number().optional(),
      unmeasured: z.array(z.string()),
    })
    .optional(),
  allowedDrift: z.number(),
  approvals: z.array(z.looseObject({ by: z.string(), at: z.number() })),
  approvalsNeeded: z.number(),
  twoBecause: z.string().optional(),
  carriedOutBy: z.string().optional(),
  /** Only with `resources=true`. */
  pages: z
    .array(
      z.looseObject({
        region: z.string(),
        resourceType: z.string(),
        resources: z.array(
          z.looseObject({
            id: z.string(),
            name: z.string().optional(),
            createdAt: z.number().optional(),
          }),
        ),
        total: z.number().optional(),
      }),
    )
    .default([]),
});
export type PlanShape = z.infer<typeof PlanShape>;
