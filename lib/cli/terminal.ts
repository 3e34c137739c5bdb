import type { ApiClient } from './client.ts';
import type { colors } from './output.ts';

export type Colors = ReturnType<typeof colors>;

/**
 * 0 done · 1 error · 3 ended without proof or held · 4 a dead letter waits · 5 still running · 64
 * wrong usage · 141 the reader of the output stopped, as a shell shows SIGPIPE.
 */
export const EXIT = {
  done: 0,
  error: 1,
  unproven: 3,
  deadLetter: 4,
  running: 5,
  usage: 64,
  readerStopped: 141,
} as const;

/** What was typed makes no sense: exit code 64, as of what `commander` finds. */
export class UsageError extends Error {}

/** What a command needs of the world: the propagator's door, and the person before the screen. */
export interface Terminal {
  readonly client: ApiClient;
  readonly color: Colors;
  /** Epoch milliseconds. */
  now(): number;
  readonly version: string;
  write(text: string): void;
  complain(text: string): void;
  /** How it ended; a command sets it when that is not plainly 0. */
  exitCode: number;
}

/** `?name=value` of those that are set; empty without any. */
export function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const set = Object.entries(parameters).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  return set.length > 0 ? `?${new URLSearchParams(set)}` : '';
}
