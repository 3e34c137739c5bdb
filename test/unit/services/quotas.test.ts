import { barbican } from '../../../lib/services/barbican.ts';
import { cinder } from '../../../lib/services/cinder.ts';
import { designate } from '../../../lib/services/designate.ts';
import { magnum } from '../../../lib/services/magnum.ts';
import { manila } from '../../../lib/services/manila.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import { nova } from '../../../lib/services/nova.ts';
import { octavia } from '../../../lib/services/octavia.ts';
import { zun } from '../../../lib/services/zun.ts';
import type { Service } from '../../../lib/task/service.ts';
import { barbican as fakeBarbican } from '../../cloud/documented/barbican.ts';
import { designate as fakeDesignate } from '../../cloud/documented/designate.ts';
import { magnum as fakeMagnum } from '../../cloud/documented/magnum.ts';
import { manila as fakeManila } from '../../cloud/documented/manila.ts';
import { octavia as fakeOctavia } from '../../cloud/documented/octavia.ts';
import { zun as fakeZun } from '../../cloud/documented/zun.ts';
import type { Documented } from '../../cloud/documented.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { QUICK } from './service-contract.ts';

const QUOTAS: readonly [string, Service, readonly Documented[]][] = [
  ['barbican.project-quota', barbican, [fakeBarbican]],
  ['cinder.quota', cinder, []],
  ['designate.quota', designate, [fakeDesignate]],
  ['magnum.quota', magnum, [fakeMagnum]],
  ['manila.quota', manila, [fakeManila]],
  ['neutron.quota', neutron, []],
  ['nova.quota', nova, []],
  ['octavia.quota', octavia, [fakeOctavia]],
  ['zun.quota', zun, [fakeZun]],
];

let fixture: CleanupFixture;
afterEach(() => fixture?.close());

describe('a quota whose reset is answered with success and has no effect', () => {
  it.each(QUOTAS)(
    '%s is reported to the operator, and the task finishes without it',
    async (type, service, fakes) => {
      fixture = await CleanupFixture.open({ with: fakes, durations: QUICK });
      await fixture.grantCleaner();
      // Servers hold the volumes and the ports.
      if (service !== nova) await fixture.runUntilEnd(nova);
      const controls = () =>
        fixture.rehearsal.store
          .resources(fixture.control.project.id)
          .filter(({ resourceType }) => resourceType === type).length;
      expect(controls()).toBe(1);
      const fault = fixture.rehearsal.faults.inject({
        service: service.name,
        method: 'DELETE',
        path: /quota/,
        effect: { does: 'answer', status: 204 },
      });
      const report = await fixture.runUntilEnd(service);
      expect(report.outcome).toMatchObject({ kind: 'finished' });
      expect(report.conditions).toContainEqual(
        expect.objectContaining({
          resourceType: type,
          class: 'Unsupported',
          actor: 'operator',
          message: expect.stringContaining('still lists them'),
        }),
      );
      expect(fault.hits).toBeLessThanOrEqual(3);
      expect(fixture.left(service.name).map((one) => one.split(' ')[0])).toContain(type);
      expect(controls()).toBe(1);
    },
  );
});
