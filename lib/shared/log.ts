import { type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import { redactDeep, SECRET_FIELDS } from './redaction.ts';

export type { Logger } from 'pino';

/** All that a function needs of a logger: fields, then a constant message. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * Structured logs, one JSON object a line on standard output. Only fields that we made ourselves
 * are logged: no bodies, no headers, no settings. Should one of {@link SECRET_FIELDS} ever appear,
 * its value is cut out; so is what is a secret in the text of any other.
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: {
      logMethod(this: Logger, words: Parameters<LogFn>, method: LogFn): void {
        method.apply(this, redactDeep(words));
      },
    },
    redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[cut out]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
