import type { EngineStore } from './engine-store.ts';
import { auditSuite } from './suite-audit.ts';
import { commitSuite } from './suite-commit.ts';
import { deadLetterSuite } from './suite-dead-letters.ts';
import { deliverySuite } from './suite-delivery.ts';
import { documentSuite } from './suite-documents.ts';
import { failureSuite } from './suite-failure.ts';
import { readSuite } from './suite-reads.ts';
import { windowSuite } from './suite-window.ts';

/**
 * The requirements for every engine. `place` creates one empty store for the whole suite.
 * `isServerless`: the platform receives the messages and not the process that opened the engine.
 * `processes`: the number of engines that can be open on the place at the same time.
 */
export function engineSuite(
  name: string,
  place: () => Promise<EngineStore>,
  { isServerless = false, processes = 1 } = {},
): void {
  describe(name, () => {
    let standing: EngineStore;
    beforeAll(async () => {
      standing = await place();
    });
    afterAll(() => standing.end(), 60_000);

    const open = () => standing.open();
    commitSuite(open);
    deliverySuite(open, () => standing.delayStepMillis ?? 0, isServerless);
    failureSuite(open, isServerless);
    deadLetterSuite(open);
    readSuite(open);
    documentSuite(open);
    auditSuite(open);
    windowSuite(open, processes);
  });
}
