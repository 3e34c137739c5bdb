import v8 from 'node:v8';

/*
 * Keeps the young generation near 16 MB. This is the part of the heap in which V8 creates objects.
 * V8 would let it grow to 100 MB, which saves little processor time (docs/measured.md).
 *
 * This module must be the first import of a program. It stops the growth immediately: the young
 * generation has about 16 MB at this time, and the import of other modules would let it grow. V8
 * may later shrink it while the process is idle, and a very small young generation costs processor
 * time. Its growth is therefore allowed again while it is smaller. The option
 * `--max-semi-space-size` has no effect after the start of V8.
 */

const WANTED_BYTES = 16 * 1024 * 1024;
/** A check takes about 10 microseconds. */
const CHECK_MILLIS = 50;

const isSmaller = (): boolean => {
  const space = v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return space !== undefined && space.space_size < WANTED_BYTES;
};

/** With the factor 1, V8 does not let the young generation grow. */
const allowGrowth = (isAllowed: boolean): void =>
  v8.setFlagsFromString(`--semi-space-growth-factor=${isAllowed ? 2 : 1}`);

allowGrowth(false);
setInterval(() => allowGrowth(isSmaller()), CHECK_MILLIS).unref();
