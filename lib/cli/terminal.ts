import type { IdentityApi } from '../openstack/identity.ts';
import type { ApiClient } from './client.ts';
import type { createColors } from './output.ts';

export type Colors = ReturnType<typeof createColors>;

/**
 * The exit codes:
 *
 * - `unverified`: the operation is held, or ended in a state other than `finished` and `observed`.
 *   `audit verify` and `project drift` also use this code
 * - `deadLetter`: a dead-letter message waits for a decision
 * - `readerStopped`: the reader of the output closed the pipe; 141 is SIGPIPE in a shell
 */
export const EXIT = {
  done: 0,
  error: 1,
  unverified: 3,
  deadLetter: 4,
  running: 5,
  usage: 64,
  readerStopped: 141,
} as const;

/** The command line is wrong: exit code 64, as for errors that `commander` finds. */
export class UsageError extends Error {}

/** The dependencies of a command: the API client and the terminal. */
export interface Terminal {
  readonly client: ApiClient;
  /** Selects the cloud of clouds.yaml for the login to an API that requires a token. */
  chooseCloud?(name: string): void;
  /** Logs in to Keystone for `register`. Throws for an incomplete login. */
  openIdentity?(): IdentityApi | Promise<IdentityApi>;
  readonly color: Colors;
  /** Epoch milliseconds. */
  now(): number;
  readonly version: string;
  /** Asks a person a question. `undefined` if there is no terminal. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Waits between two calls of a command that follows an operation. Tests replace it. */
  readonly sleep?: (millis: number) => Promise<void>;
  write(text: string): void;
  /** Writes a text in place of the text of the previous call. Set only on a terminal. */
  readonly redraw?: (text: string) => void;
  writeError(text: string): void;
  /** The exit code of the command. Default: 0. */
  exitCode: number;
}

/** Returns the query `?name=value` of the parameters that are set, or an empty text. */
export function queryString(parameters: Readonly<Record<string, string | undefined>>): string {
  const givenParameters = Object.entries(parameters).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  return givenParameters.length > 0 ? `?${new URLSearchParams(givenParameters)}` : '';
}
