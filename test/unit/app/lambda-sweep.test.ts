import { sweepStage } from '../../../lib/app/lambda/sweep.ts';
import { NO_POLICY } from '../../../lib/policy/schema.ts';

describe('one run of the sweep on AWS', () => {
  it('counts what waits for an operator: held operations, tripped caps, suspicious deletions', async () => {
    const counted: Record<string, number> = {};
    const held = [{ hold: { about: 'cap' } }, { hold: { about: 'keystoneAction' } }];
    const propagator = {
      engine: {
        flushOutbox: async () => 0,
        housekeeping: async () => undefined,
        reads: {
          operations: async () => held,
          suspicions: async () => ({ total: 3, records: [] }),
          accountCount: async () => 1,
        },
      },
      count: (values: Record<string, number>) => Object.assign(counted, values),
    };
    await sweepStage({ compare: false }, { propagator }, NO_POLICY);
    expect(counted).toEqual({ Repaired: 0, Held: 2, Suspicious: 3, Capped: 1 });
  });
});
