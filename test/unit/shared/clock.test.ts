import fc from 'fast-check';
import { jumpDetector, steadyClock } from '../../../lib/shared/clock.ts';

/** Elapsed milliseconds, and jumps of the system clock in hours. */
const steps = fc.array(
  fc.record({
    elapsed: fc.integer({ min: 0, max: 600_000 }),
    jumpHours: fc.constantFrom(0, 0, -24, -3, 1, 6, 48),
  }),
  { maxLength: 50 },
);
const HOUR = 3_600_000;

describe('the steady clock', () => {
  it('advances with the monotonic clock, even if the system clock is set', () =>
    fc.assert(
      fc.property(steps, (list) => {
        let [system, monotonic, passed] = [Date.UTC(2026, 0, 1), 17, 0];
        const now = steadyClock(
          () => system,
          () => monotonic,
        );
        const began = now();
        for (const { elapsed, jumpHours } of list) {
          passed += elapsed;
          monotonic += elapsed;
          system += elapsed + jumpHours * HOUR;
          expect(now() - began).toBe(passed);
        }
      }),
    ));

  it('starts at the system time', () => {
    expect(Math.abs(steadyClock()() - Date.now())).toBeLessThan(1000);
  });
});

describe('the jump detector', () => {
  it('reports each jump once, and none without a jump', () =>
    fc.assert(
      fc.property(steps, (list) => {
        let [system, monotonic] = [Date.UTC(2026, 0, 1), 17];
        const jump = jumpDetector(
          () => system,
          () => monotonic,
        );
        for (const { elapsed, jumpHours } of list) {
          monotonic += elapsed;
          system += elapsed + jumpHours * HOUR;
          expect(jump()).toBe(jumpHours * HOUR);
          expect(jump()).toBe(0);
        }
      }),
    ));
});
