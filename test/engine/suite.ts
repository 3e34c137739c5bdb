import { jest } from '@jest/globals';
import type { Place } from './place.ts';
import { commitSuite } from './suite-commit.ts';
import { deadLetterSuite } from './suite-dead-letters.ts';
import { deliverySuite } from './suite-delivery.ts';
import { failureSuite } from './suite-failure.ts';
import { readSuite } from './suite-reads.ts';

jest.setTimeout(60_000);

/** The requirements forevery engine. `place` creates one empty store for the whole suite. */
export function engineSuite(name: string, place: () => Promise<Place>): void {
  describe(name, () => {
    let standing: Place;
    beforeAll(async () => {
      standing = await place();
    }, 60_000);
    afterAll(() => standing.end(), 60_000);

    const open = () => standing.open();
    commitSuite(open);
    deliverySuite(open, () => standing.delayStepMillis ?? 0);
    failureSuite(open);
    deadLetterSuite(open);
    readSuite(open);
  });
}
