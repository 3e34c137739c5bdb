import { type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import { redactDeep, SECRET_FIELDS } from './redaction.ts';

export type { Logger } from 'pino';

/** The logger methods that functions use. Their arguments are fields and a constant message. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * Creates a structured logger, one JSON object per line on standard output. Callers must not log
 * bodies, headers or settings. As a safeguard, the values of {@link SECRET_FIELDS} and secrets in
 * texts are redacted.
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: {
      logMethod(this: Logger, parameters: Parameters<LogFn>, method: LogFn): void {
        method.apply(this, redactDeep(parameters));
      },
    },
    redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
