import * as z from 'zod';

export const UncoveredShape = z.looseObject({
  type: z.string(),
  name: z.string(),
  region: z.string().optional(),
  because: z.string().optional(),
  advice: z.string().optional(),
});
export type UncoveredShape = z.infer<typeof UncoveredShape>;
export const LeftOutShape = z.looseObject({
  region: z.string(),
  types: z.array(z.string()),
  setting: z.string(),
});
export type LeftOutShape = z.infer<typeof LeftOutShape>;
export const WaiverShape = z.looseObject({
  type: z.string(),
  by: z.string(),
  reason: z.string(),
  at: z.number(),
});
export type WaiverShape = z.infer<typeof WaiverShape>;
export const WaiversShape = z.object({ waivers: z.array(WaiverShape) });
