import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { suspensionStore } from '../../../lib/handlers/suspension-store.ts';

describe('the stored suspension records', () => {
  it('have the fields that earlier releases of the propagator wrote', async () => {
    const engine = new SteppedEngine();
    const place = { partition: 'p1', service: 'nova', region: 'R1' };
    const value = { resourceType: 'nova.server', id: 's1', before: { vmState: 'active' }, at: 7 };
    const records = suspensionStore(place, engine);
    await records.add([
      {
        resourceType: 'nova.server',
        id: 's1',
        recordedState: { vmState: 'active' },
        recordedAt: 7,
        version: 0,
      },
    ]);
    expect(await engine.reads.documents('suspension', 'p1')).toMatchObject([{ value }]);
    expect(await records.all()).toMatchObject([{ recordedState: { vmState: 'active' } }]);
  });
});
