import { DeletionDurations } from '../../../lib/task/deletion-durations.ts';

const TYPE = 'nova.server RegionOne';
/** Records a listing of task `task`, in which all listed resources are being deleted. */
const listing = (times: DeletionDurations, task: string, ids: readonly string[], now: number) =>
  times.record({ type: TYPE, task, listedIds: ids, acceptedIds: ids }, now);

it('delays no listing before a deletion of the type has ended', () => {
  const times = new DeletionDurations();
  expect(listing(times, 'first', ['a'], 0)).toBe(0);
  expect(listing(times, 'first', ['a'], 400)).toBe(0);
});

it('waits for most of the usual duration, counted from the last acceptance', () => {
  const times = new DeletionDurations();
  listing(times, 'first', ['a'], 0);
  listing(times, 'first', [], 3000);
  expect(listing(times, 'second', ['b'], 10_000)).toBe(2400);
  expect(listing(times, 'second', ['b', 'c'], 10_500)).toBe(2400);
  expect(listing(times, 'second', ['b', 'c'], 12_500)).toBe(400);
  expect(listing(times, 'second', ['b', 'c'], 14_000)).toBe(0);
});

it('learns from the deletion that was accepted last among those that have ended', () => {
  const times = new DeletionDurations();
  listing(times, 'first', ['a'], 0);
  listing(times, 'first', ['a', 'b'], 5000);
  listing(times, 'first', [], 7000);
  expect(listing(times, 'second', ['c'], 10_000)).toBe(1600);
});

it('returns to the usual duration after some slow deletions', () => {
  const times = new DeletionDurations();
  listing(times, 'slow', ['a'], 0);
  listing(times, 'slow', [], 9000);
  let wait = 0;
  for (let n = 0, now = 20_000; n < 20; n += 1, now += 20_000) {
    // A deletion takes 1 s here, and the first listing after the wait shows it.
    wait = listing(times, `task-${n}`, ['b'], now);
    listing(times, `task-${n}`, [], now + Math.max(1000, wait));
  }
  expect(wait).toBeLessThanOrEqual(1000);
});

it('waits at most ten seconds, and ignores durations of other regions and types', () => {
  const times = new DeletionDurations();
  listing(times, 'first', ['a'], 0);
  listing(times, 'first', [], 3_600_000);
  expect(listing(times, 'second', ['b'], 3_600_000)).toBe(10_000);
  const other = { type: 'nova.server RegionTwo', task: 'x', listedIds: ['c'], acceptedIds: ['c'] };
  expect(times.record(other, 3_600_000)).toBe(0);
});

it('does not wait after the clock was set back', () => {
  const times = new DeletionDurations();
  listing(times, 'first', ['a'], 10_000);
  listing(times, 'first', [], 2000);
  expect(listing(times, 'second', ['b'], 3000)).toBe(0);
});
