import { readdirSync } from 'node:fs';
import { levels } from '../../../lib/operation/order.ts';
import { SERVICES } from '../../../lib/services/index.ts';

describe('the services', () => {
  it('are all in the index: a file beside it is a service of that name', () => {
    const files = readdirSync('lib/services', { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'index.ts')
      .map(({ name }) => name.replace(/\.ts$/, ''));
    expect(SERVICES.map(({ name }) => name).sort()).toEqual(files.sort());
  });

  it('stand in an order that ends with Keystone, the workloads first', () => {
    const after = Object.fromEntries(SERVICES.map(({ name, after: before }) => [name, before]));
    expect(after.nova).toEqual([]);
    expect(after.neutron).toContain('nova');
    expect(after.cinder).toContain('nova');
    expect(
      levels(SERVICES)
        .at(-1)
        ?.map(({ name }) => name),
    ).toEqual(['keystone']);
  });
});
