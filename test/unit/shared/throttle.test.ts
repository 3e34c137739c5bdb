import { Throttle } from '../../../lib/shared/throttle.ts';

describe('Throttle', () => {
  it('permits once in an interval, for all callers together', () => {
    let now = 10_000;
    const throttle = new Throttle(500, () => now);
    const permissions = [0, 100, 399, 1, 499, 1].map((millis) => {
      now += millis;
      return throttle.permits();
    });
    expect(permissions).toEqual([true, false, false, true, false, true]);
  });

  it('permits again when the clock of the machine was set back', () => {
    let now = 10_000;
    const throttle = new Throttle(500, () => now);
    expect(throttle.permits()).toBe(true);
    now -= 3_600_000;
    expect(throttle.permits()).toBe(true);
  });
});
