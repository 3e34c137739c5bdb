import * as z from 'zod';
import { callerNotAllowedInBody, reasonText, typedText } from './body.ts';

/** The body of a request for a plan of a project or a domain. */
export const PlanRequest = z.strictObject({
  reason: reasonText.default('planned by an administrator'),
  by: callerNotAllowedInBody,
});
/** The query of the list of domains. */
export const DomainQuery = z.strictObject({
  name: typedText(255).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
