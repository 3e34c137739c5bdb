import type { Log } from '../../../shared/log.ts';
import { redactText, SECRET_FIELDS } from '../../../shared/redaction.ts';

/** The id that AWS gave to the current invocation. A function runs one invocation at a time. */
let requestId: string | undefined;

/** Adds the id of the invocation to every later log line. Each handler calls it first. */
export function beginInvocation(context: { readonly awsRequestId?: string } | undefined): void {
  requestId = context?.awsRequestId;
}

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** Redacts as `lib/shared/log.ts` does: secret fields by name, and secrets in any text. */
const redacted = (field: string, value: unknown): unknown => {
  if (SECRET_FIELDS.includes(field)) return '[redacted]';
  return typeof value === 'string' ? redactText(value) : value;
};

/**
 * Writes one JSON object per line, which CloudWatch Logs can query by field. This log redacts the
 * same fields as pino, and its code has a fifth of the size.
 */
export function functionLog(
  level: string,
  write = (line: string): unknown => process.stdout.write(line),
): Log {
  const minLevel = LEVELS.indexOf(level as (typeof LEVELS)[number]);
  const logAt = (name: (typeof LEVELS)[number]) =>
    ((fields: unknown, message?: string) => {
      if (LEVELS.indexOf(name) < minLevel) return;
      const [own, text] = typeof fields === 'string' ? [{}, fields] : [fields, message];
      const line = {
        level: name,
        time: new Date().toISOString(),
        ...(requestId === undefined ? {} : { lambdaRequestId: requestId }),
        ...(own as object),
        msg: text,
      };
      write(`${JSON.stringify(line, (field, value: unknown) => redacted(field, value))}\n`);
    }) as Log['info'];
  return { debug: logAt('debug'), info: logAt('info'), warn: logAt('warn'), error: logAt('error') };
}
