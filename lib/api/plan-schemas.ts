import * as z from 'zod';
import { callerNotAllowedInBody, enteredText, reasonText } from './body.ts';

/** The body of a request for a plan of a project or a domain. */
export const PlanBody = z.strictObject({
  reason: reasonText.default('planned by an administrator'),
  by: callerNotAllowedInBody,
});
/** The query of the list of domains. */
export const DomainQuery = z.strictObject({
  name: enteredText(255).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
