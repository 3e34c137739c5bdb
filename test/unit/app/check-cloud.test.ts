import { setTimeout as delay } from 'node:timers/promises';
import { checkCloud } from '../../../lib/app/check-cloud.ts';
import { MISSING_REGION_CODE } from '../../../lib/operation/registry.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import type { Log } from '../../../lib/shared/log.ts';

const missingRegion = new PropagatorError({
  code: MISSING_REGION_CODE,
  class: 'Denied',
  message: 'the catalog has no region R2',
  advice: 'Correct OS_REGION_NAME.',
});

/** Checks a cloud whose catalog lacks a region, and that answers after `answerMillis`. */
async function checkWithoutRegion(answerMillis: number) {
  const warnings: unknown[][] = [];
  const log = { warn: (...entry: unknown[]) => warnings.push(entry) } as unknown as Log;
  const cloud = {
    registry: async () => {
      await delay(answerMillis);
      throw missingRegion;
    },
    missingAccess: async () => undefined,
  };
  const outcome = await checkCloud(cloud, [], log, 50).then(
    () => 'started',
    (error: unknown) => error,
  );
  await delay(100);
  return { outcome, warnings };
}

describe('the check of the catalog at the start', () => {
  it('fails the start if the catalog lacks a region of the settings', async () => {
    expect(await checkWithoutRegion(0)).toEqual({ outcome: missingRegion, warnings: [] });
  });

  it('logs a missing region that Keystone reports after the start has continued', async () => {
    const { outcome, warnings } = await checkWithoutRegion(100);
    expect(outcome).toBe('started');
    expect(warnings).toEqual([
      ['Keystone did not answer in time, so its catalog was not checked at the start'],
      [
        { advice: 'Correct OS_REGION_NAME.' },
        'the catalog was not checked: the catalog has no region R2',
      ],
    ]);
  });
});
