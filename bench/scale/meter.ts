import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Measures the process that imports this module (`node --import`): every half second it writes the
 * processor time, the memory and the delays of the event loop to the file `BENCH_METER`.
 */
const file = process.env.BENCH_METER;
const RESOLUTION_MILLIS = 5;
const MEGABYTE = 1024 * 1024;

if (file !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MILLIS });
  delays.enable();
  const maxima = { heapMegabytes: 0, externalMegabytes: 0 };
  const write = (): void => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    const { heapTotal, external } = process.memoryUsage();
    maxima.heapMegabytes = Math.max(maxima.heapMegabytes, heapTotal / MEGABYTE);
    maxima.externalMegabytes = Math.max(maxima.externalMegabytes, external / MEGABYTE);
    const inMillis = (nanos: number): number => Math.max(0, nanos / 1e6 - RESOLUTION_MILLIS);
    const measured = {
      processorSeconds: (userCPUTime + systemCPUTime) / 1e6,
      peakMegabytes: maxRSS / 1024,
      ...maxima,
      p99Millis: inMillis(delays.percentile(99)),
      maxMillis: inMillis(delays.max),
    };
    // The bench reads the file at any moment, so the file is replaced as a whole.
    writeFileSync(`${file}.new`, JSON.stringify(measured));
    renameSync(`${file}.new`, file);
  };
  // While the process starts, it compiles modules and creates the database, which delays the event
  // loop. The bench sends `SIGUSR2` after the start, so that these delays are not counted.
  process.on('SIGUSR2', () => delays.reset());
  setInterval(write, 500).unref();
}
