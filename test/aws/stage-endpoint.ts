import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEmulator } from '../../localstack/emulator.ts';
import { endpointForTests } from '../../localstack/endpoint.ts';
import { remove } from '../../localstack/remove.ts';

/** The endpoint and the stage of a suite. */
export interface StageEndpoint {
  readonly endpoint: string;
  readonly stage: string;
  /** The process of the emulator, if the suite started it. */
  readonly emulator: string | undefined;
  /** The file with the log of that emulator. */
  readonly log?: string;
  /** Removes the stage, or the emulator with everything on it. */
  close(): Promise<void>;
}

/**
 * Uses the emulator that AWS_ENDPOINT_URL names, with a new stage, which {@link StageEndpoint.close}
 * removes. Without the variable it starts an emulator.
 */
export async function openStageEndpoint(): Promise<StageEndpoint> {
  const given = endpointForTests(process.env);
  if (given !== undefined) {
    const stage = `test-${randomBytes(3).toString('hex')}`;
    return { endpoint: given, stage, emulator: undefined, close: () => remove(given, stage) };
  }
  // The folder is below this repository, as in `npm run aws:up`. The functions must not read the
  // package.json of the repository.
  const folder = mkdtempSync(join(import.meta.dirname, '../../localstack/.ministack-'));
  // A function over HTTP gets a name below this host name. An IP address has no names below it.
  const { endpoint, stop } = await startEmulator({ folder, checksRights: true, host: 'localhost' });
  return {
    endpoint,
    stage: 'test',
    emulator: readFileSync(join(folder, 'pid'), 'utf8').trim(),
    log: join(folder, 'log'),
    async close() {
      await stop();
      rmSync(folder, { recursive: true });
    },
  };
}
