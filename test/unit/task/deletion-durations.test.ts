import { DeletionDurations } from '../../../lib/task/deletion-durations.ts';

const TYPE = 'nova.server RegionOne';
/** Records a listing of task `task`, in which all listed resources are being deleted. */
const recordListing = (
  durations: DeletionDurations,
  task: string,
  ids: readonly string[],
  now: number,
) => durations.record({ type: TYPE, task, listedIds: ids, acceptedIds: ids }, now);

it('delays no listing before a deletion of the type has ended', () => {
  const durations = new DeletionDurations();
  expect(recordListing(durations, 'first', ['a'], 0)).toBe(0);
  expect(recordListing(durations, 'first', ['a'], 400)).toBe(0);
});

it('waits for most of the usual duration, counted from the last acceptance', () => {
  const durations = new DeletionDurations();
  recordListing(durations, 'first', ['a'], 0);
  recordListing(durations, 'first', [], 3000);
  expect(recordListing(durations, 'second', ['b'], 10_000)).toBe(2400);
  expect(recordListing(durations, 'second', ['b', 'c'], 10_500)).toBe(2400);
  expect(recordListing(durations, 'second', ['b', 'c'], 12_500)).toBe(400);
  expect(recordListing(durations, 'second', ['b', 'c'], 14_000)).toBe(0);
});

it('learns from the deletion that was accepted last among those that have ended', () => {
  const durations = new DeletionDurations();
  recordListing(durations, 'first', ['a'], 0);
  recordListing(durations, 'first', ['a', 'b'], 5000);
  recordListing(durations, 'first', [], 7000);
  expect(recordListing(durations, 'second', ['c'], 10_000)).toBe(1600);
});

it('returns to the usual duration after some slow deletions', () => {
  const durations = new DeletionDurations();
  recordListing(durations, 'slow', ['a'], 0);
  recordListing(durations, 'slow', [], 9000);
  let wait = 0;
  for (let n = 0, now = 20_000; n < 20; n += 1, now += 20_000) {
    // A deletion takes 1 s here, and the first listing after the wait shows it.
    wait = recordListing(durations, `task-${n}`, ['b'], now);
    recordListing(durations, `task-${n}`, [], now + Math.max(1000, wait));
  }
  expect(wait).toBeLessThanOrEqual(1000);
});

it('waits at most ten seconds, and ignores durations of other regions and types', () => {
  const durations = new DeletionDurations();
  recordListing(durations, 'first', ['a'], 0);
  recordListing(durations, 'first', [], 3_600_000);
  expect(recordListing(durations, 'second', ['b'], 3_600_000)).toBe(10_000);
  const other = { type: 'nova.server RegionTwo', task: 'x', listedIds: ['c'], acceptedIds: ['c'] };
  expect(durations.record(other, 3_600_000)).toBe(0);
});

it('does not wait after the clock was set back', () => {
  const durations = new DeletionDurations();
  recordListing(durations, 'first', ['a'], 10_000);
  recordListing(durations, 'first', [], 2000);
  expect(recordListing(durations, 'second', ['b'], 3000)).toBe(0);
});
