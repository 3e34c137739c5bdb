import type { ApiClient } from './client.ts';
import type { colors } from './output.ts';

export type Colors = ReturnType<typeof colors>;

/**
 * 0 done · 1 error · 3 ended without proof or held · 4 a dead letter waits · 5 still running · 64
 * wrong usage.
 */
export const EXIT = {
  done: 0,
  error: 1,
  unproven: 3,
  deadLetter: 4,
  running: 5,
  usage: 64,
} as const;

/** What was typed makes no sense: exit code 64, as of what `commander` finds. */
export class UsageError extends Error {}

/** What a command needs of the world: the propagator's door, and the person before the screen. */
export interface Terminal {
  readonly client: ApiClient;
  readonly color: Colors;
  /** Who acts: kept with each decision. */
  me(): string;
  /** Epoch milliseconds. */
  now(): number;
  write(text: string): void;
  complain(text: string): void;
  /** How it ended; a command sets it when that is not plainly 0. */
  exitCode: number;
}

/** Prints for a person, or as one JSON document. */
export function print<T>(
  { write }: Terminal,
  answer: T,
  json: boolean | undefined,
  show: (answer: T) => string,
): void {
  write(`${json ? JSON.stringify(answer, undefined, 2) : show(harmless(answer))}\n`);
}

/** What somebody else wrote must not move the cursor, or color the screen, of who reads it. */
function harmless<T>(value: T): T;
function harmless(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(CONTROLS, '\uFFFD');
  if (Array.isArray(value)) return value.map((one) => harmless(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, harmless(inner)]));
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must be replaced.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** `?name=value` of those that are set; empty without any. */
export function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const set = Object.entries(parameters).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  return set.length > 0 ? `?${new URLSearchParams(set)}` : '';
}
