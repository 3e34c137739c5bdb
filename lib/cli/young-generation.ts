import v8 from 'node:v8';

/*
 * Keeps the young generation near 16 MB. This is the part of the heap in which V8 creates objects.
 * V8 would let it grow to 100 MB, which saves little processor time (docs/measured.md). The option
 * `--max-semi-space-size` has no effect after the start of V8.
 *
 * This module must be the first import of a program, because the import of other modules already
 * lets the young generation grow. V8 may shrink it while the process is idle, and a small young
 * generation costs processor time. Therefore a timer checks the size every second. If the young
 * generation is smaller than 16 MB, V8 may double it at each garbage collection of the next 20 ms.
 * If the process computes without a pause, this time is longer, and the young generation may
 * become larger than 16 MB.
 */

const WANTED_BYTES = 16 * 1024 * 1024;
const CHECK_MILLIS = 1000;
const GROWTH_MILLIS = 20;

const setGrowthFactor = (factor: 1 | 2): void =>
  v8.setFlagsFromString(`--semi-space-growth-factor=${factor}`);

const isBelowWantedSize = (): boolean => {
  const space = v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return space !== undefined && space.space_size < WANTED_BYTES;
};

setGrowthFactor(1);
setInterval(() => {
  if (!isBelowWantedSize()) return;
  setGrowthFactor(2);
  setTimeout(() => setGrowthFactor(1), GROWTH_MILLIS).unref();
}, CHECK_MILLIS).unref();
