import { designate } from '../../../lib/services/designate.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import type { RunReport } from '../../../lib/task/run.ts';
import { designateIn, designateWithShares } from '../../cloud/documented/designate.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

/** The cloud of the current test. */
export let fixture: CleanupFixture;

export const open = async (release = designateWithShares): Promise<void> => {
  fixture = await CleanupFixture.open({ with: [release], durations: { documented: 5 } });
  fixture.others = [neutron];
};

export const tables = () => designateIn(fixture.rehearsal.state);

export const blockedConditions = (report: RunReport) =>
  report.conditions.filter((one) => one.class === 'Blocked');

/** Runs the cleanup to its end, and expects that only the resources of the project are removed. */
export const expectCleanedUp = async (): Promise<void> => {
  expect((await fixture.runUntilEnd(designate)).outcome).toEqual({ kind: 'finished' });
  expect(fixture.left('designate')).toEqual([]);
  expect(fixture.controlsAreUntouched).toBe(true);
};

/** Closes the cloud after each test of the file. */
export function closeCloudAfterEachTest(): void {
  afterEach(() => fixture?.close());
}
