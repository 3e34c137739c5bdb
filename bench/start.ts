import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { startCloud } from '../test/cloud/cloud.ts';
import { Propagator } from '../test/openstack/driver.ts';

const secondsText = (millis: number): string => (millis / 1000).toFixed(1);

/**
 * Measures the time from the start of the process until `/healthz` answers 200 and the inventory is
 * filled: once with a new data folder, then with an existing one. Then measures the resident memory
 * of the idle process. Prints; asserts nothing.
 */
export async function benchStart(): Promise<void> {
  const cloud = await startCloud();
  const propagator = new Propagator('bench-start');
  const environment = {
    ...cloud.credentials,
    OS_CLOUD: '',
    RABBITMQ_URL: '',
    PROPAGATOR_LOG_LEVEL: 'warn',
  };
  try {
    const newFolderMillis = await propagator.start({ mode: 'observe', environment });
    await propagator.stop();
    const existingFolderMillis: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      if (n > 0) await propagator.stop();
      existingFolderMillis.push(await propagator.start({ mode: 'observe', environment }));
    }
    await delay(5000);
    const residentMegabytes =
      Number(
        /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${propagator.pid}/status`, 'utf8'))?.[1] ?? 0,
      ) / 1024;
    process.stdout.write(
      `start to ready  ${secondsText(newFolderMillis)} s with a new folder, ` +
        `${existingFolderMillis.map(secondsText).join(', ')} s with an existing one; ` +
        `${Math.round(residentMegabytes)} MB resident when idle\n`,
    );
  } finally {
    await propagator.dispose();
    await cloud.close();
  }
}

if (import.meta.main) await benchStart();
