import * as z from 'zod';

/** Text that every engine can store: it has no control characters and no unpaired surrogates. */
const textUpTo = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be stored
      (value) => value.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(value),
      'contains control characters',
    );
/** An optional field. An invalid value counts as absent. */
const optionalIfValid = <S extends z.ZodType>(schema: S) => schema.optional().catch(undefined);

/**
 * An envelope of oslo.messaging has these two keys (`common.py deserialize_msg`). The driver
 * `messaging` (1.0) sends the notification without an envelope.
 */
export const Envelope = z.object({ 'oslo.version': z.string(), 'oslo.message': z.string() });
/** The fields of a notification that the propagator reads, without an envelope. */
export const NotificationBody = z.object({
  event_type: textUpTo(200),
  message_id: optionalIfValid(textUpTo(200)),
  timestamp: optionalIfValid(z.string().max(64)),
  payload: z.unknown(),
  publisher_id: z.unknown().optional(),
});
/**
 * The keys of a payload: the keys of the basic format and of CADF. The format can differ between
 * messages. For example, `role_assignment` is always CADF.
 */
export const Payload = z.object({
  typeURI: optionalIfValid(z.string()),
  eventTime: optionalIfValid(z.string().max(64)),
  outcome: optionalIfValid(z.string()),
  resource_info: optionalIfValid(z.string()),
  target: optionalIfValid(z.object({ id: optionalIfValid(z.string()) })),
  reason: z.unknown().optional(),
  request_id: optionalIfValid(textUpTo(200)),
  initiator: optionalIfValid(
    z.object({
      user_id: optionalIfValid(textUpTo(200)),
      project_id: optionalIfValid(textUpTo(200)),
      request_id: optionalIfValid(textUpTo(200)),
      name: optionalIfValid(textUpTo(255)),
      username: optionalIfValid(textUpTo(255)),
    }),
  ),
  project: optionalIfValid(z.string()),
  domain: optionalIfValid(z.string()),
  user: optionalIfValid(z.string()),
  group: optionalIfValid(z.string()),
  inherited_to_projects: optionalIfValid(z.boolean()),
});
