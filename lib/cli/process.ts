import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { EXIT } from './terminal.ts';

export function readFileIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Until SIGTERM or SIGINT. */
export function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}

/** The version in the package's own file. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/**
 * Ends the process without a word when the reader of its output stops, such as `| head -1`. Node
 * ignores SIGPIPE, and an EPIPE that nothing handles ends in a stack trace. The long-running
 * commands log through a stream of their own, which goes on without a reader.
 */
export function endWhenReaderStops(
  streams: readonly NodeJS.WriteStream[],
  exit: (code: number) => void,
): void {
  for (const stream of streams)
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') exit(EXIT.readerStopped);
      else throw error;
    });
}

/** How long a call may take before a person is told that it goes on. */
const QUIET_MILLIS = 2000;

/** Tells on the terminal, while a call takes long, that the command still waits. */
export function tellingProgress<Arguments extends unknown[], Result>(
  call: (...given: Arguments) => Promise<Result>,
  stream: NodeJS.WriteStream,
): (...given: Arguments) => Promise<Result> {
  if (!stream.isTTY) return call;
  return async (...given) => {
    const since = Date.now();
    const timer = setInterval(() => {
      const seconds = Math.round((Date.now() - since) / 1000);
      stream.write(`\rwaiting for the propagator, ${seconds} s`);
    }, QUIET_MILLIS);
    try {
      return await call(...given);
    } finally {
      clearInterval(timer);
      if (Date.now() - since >= QUIET_MILLIS) stream.write('\r\u001b[K');
    }
  };
}
