import { SERVICES } from '../../../lib/services/index.ts';
import { aodh } from '../../cloud/documented/aodh.ts';
import { barbican } from '../../cloud/documented/barbican.ts';
import { blazar } from '../../cloud/documented/blazar.ts';
import { cyborg } from '../../cloud/documented/cyborg.ts';
import { designate } from '../../cloud/documented/designate.ts';
import { freezer } from '../../cloud/documented/freezer.ts';
import { gnocchi } from '../../cloud/documented/gnocchi.ts';
import { heat } from '../../cloud/documented/heat.ts';
import { ironic } from '../../cloud/documented/ironic.ts';
import { magnum } from '../../cloud/documented/magnum.ts';
import { manila } from '../../cloud/documented/manila.ts';
import { mistral } from '../../cloud/documented/mistral.ts';
import { octavia } from '../../cloud/documented/octavia.ts';
import { tacker } from '../../cloud/documented/tacker.ts';
import { trove } from '../../cloud/documented/trove.ts';
import { zaqar } from '../../cloud/documented/zaqar.ts';
import { zun } from '../../cloud/documented/zun.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

const DOCUMENTED = [
  ...[aodh, barbican, blazar, cyborg, designate, freezer, gnocchi, heat, ironic, magnum, manila],
  ...[mistral, octavia, tacker, trove, zaqar, zun],
];
const WITH_TYPES = SERVICES.filter(({ resourceTypes }) => resourceTypes.length > 0);
const CASES = WITH_TYPES.flatMap((service) =>
  [503, 429, 498].map((status) => [service.name, status, service] as const),
);

let fixture: CleanupFixture;
afterEach(() => fixture?.close());

describe('a service that is in maintenance or limits calls', () => {
  it.each(CASES)(
    '%s with %i: the run is repeated after the wait',
    async (name, status, service) => {
      const fake = DOCUMENTED.filter((one) => one.name === name);
      fixture = await CleanupFixture.open({ with: fake });
      await fixture.grantCleaner();
      const api = await fixture.context(service).catch(() => undefined);
      fixture.rehearsal.faults.inject({
        service: name,
        effect: { does: 'answer', status, retryAfter: 3600, message: 'Down for maintenance' },
      });
      if (!api) return;
      const report = await fixture.run(service);
      expect(report.outcome).toMatchObject({
        kind: 'again',
        afterSeconds: 3600,
        error: { class: 'Transient', retryAfterSeconds: 3600 },
      });
      expect(fixture.controlsAreUntouched).toBe(true);
    },
  );
});
