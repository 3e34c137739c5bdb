import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const script = (name: string): string => join(import.meta.dirname, name);

/** A running emulator of AWS. */
export interface Emulator {
  /** For example `http://127.0.0.1:4566`. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Starts an AWS emulator on loopback with `localstack/start`. The first start on a machine installs
 * the emulator, which takes half a minute. `folder`: the folder for its pid, log and data. `port`:
 * if it is not set, the emulator gets a free port. `checksRights`: the emulator checks the
 * signature of every call, and the permissions of the caller. `host`: the host name in its URLs, in
 * place of 127.0.0.1.
 */
export async function startEmulator({
  folder,
  port,
  checksRights = false,
  host,
}: {
  folder: string;
  port?: number;
  checksRights?: boolean;
  host?: string;
}): Promise<Emulator> {
  const env = {
    ...process.env,
    ...(port === undefined ? {} : { AWS_PORT: String(port) }),
    ...(checksRights ? { AUTH: 'true' } : {}),
    ...(host ? { MINISTACK_HOST: host } : {}),
  };
  const { stdout } = await run(script('start'), [folder], { env });
  return {
    endpoint: stdout.trim(),
    stop: async () => {
      await run(script('stop'), [folder]);
    },
  };
}
