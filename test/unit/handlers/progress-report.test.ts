import type { Message } from '../../../events/index.ts';
import type { TaskDeps } from '../../../lib/handlers/task-deps.ts';
import { progressReporter, runKeyOf } from '../../../lib/handlers/task-report.ts';
import { Throttle } from '../../../lib/shared/throttle.ts';
import { requested } from '../../engine/samples.ts';

const COUNTS = { 'nova.server': { found: 3, removed: 1, left: 2 } };

let now: number;
let reports: Message[];
const commit = async ({ messages }: { messages: Message[] }) => {
  reports.push(...messages);
  return 'committed';
};
const reporter = (throttle: Throttle) => {
  const deps = { engine: { commit }, now: () => now, progressMillis: 1000 };
  return progressReporter(runKeyOf(requested('nova').data), {
    ...deps,
    progressThrottle: throttle,
  } as unknown as TaskDeps);
};

beforeEach(() => {
  now = 1_000_000;
  reports = [];
});

describe('the progress reports of the runs of one process', () => {
  it('are at most one per interval of the process, whatever the number of runs', () => {
    const throttle = new Throttle(500, () => now);
    const runs = Array.from({ length: 20 }, () => reporter(throttle));
    for (let elapsed = 0; elapsed < 10_000; elapsed += 100) {
      now += 100;
      for (const report of runs) report(COUNTS, {});
    }
    // 10 s with an interval of 500 ms, after the first second of the runs.
    expect(reports.length).toBeGreaterThanOrEqual(18);
    expect(reports.length).toBeLessThanOrEqual(20);
  });

  it('are at most one per second of a single run', () => {
    const report = reporter(new Throttle(500, () => now));
    for (let elapsed = 0; elapsed < 10_000; elapsed += 100) {
      now += 100;
      report(COUNTS, {});
    }
    expect(reports.length).toBe(10);
  });
});
