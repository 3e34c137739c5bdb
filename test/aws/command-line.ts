import { execFile } from 'node:child_process';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../lib/cli/propagator.ts');
const TO_THE_EMULATOR = join(import.meta.dirname, 'to-the-emulator.ts');

export interface Typed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs a command in a separate process, as an operator does, with the operator's variables, against
 * the API of a stack.
 */
export function commandLine(
  apiUrl: string,
  variables: Readonly<Record<string, string>>,
  words: readonly string[],
): Promise<Typed> {
  const env = { PATH: process.env.PATH, TZ: 'UTC', ...variables, PROPAGATOR_API_URL: apiUrl };
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      ['--import', TO_THE_EMULATOR, PROGRAM, ...words],
      { env, timeout: 60_000 },
      (error, out, err) => resolve({ code: error ? Number(error.code ?? 1) : 0, out, err }),
    ),
  );
}
