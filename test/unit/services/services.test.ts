import { readdirSync } from 'node:fs';
import { dependenciesOf, dependencyLevels } from '../../../lib/operation/service-dependencies.ts';
import { SERVICES } from '../../../lib/services/index.ts';

describe('the services', () => {
  it('are all in the index, and each file has the name of its service', () => {
    const files = readdirSync('lib/services', { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'index.ts')
      .map(({ name }) => name.replace(/\.ts$/, ''));
    expect(SERVICES.map(({ name }) => name).sort()).toEqual(files.sort());
  });

  it('are sorted with the workloads first and Keystone last', () => {
    const required = (name: string) =>
      SERVICES.flatMap((service) =>
        service.name === name ? dependenciesOf(service, SERVICES) : [],
      ).flatMap((one) => (one.strength === 'required' ? [one.service] : []));
    expect(required('nova')).toEqual([]);
    expect(required('neutron')).toContain('nova');
    expect(required('cinder')).toContain('nova');
    expect(
      dependencyLevels(SERVICES)
        .at(-1)
        ?.map(({ name }) => name),
    ).toEqual(['keystone']);
  });
});
