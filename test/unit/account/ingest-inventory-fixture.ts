import { domain, IngestFixture, project, role, user } from './ingest-fixture.ts';

/** The function `ingest` of the current test. */
export let fixture: IngestFixture;

export const record = (key: string) => fixture.engine.accounts.get(key);

/** Gives each test of the file an `ingest` whose inventory has recorded a few accounts. */
export function eachIngest(): void {
  beforeEach(async () => {
    fixture = new IngestFixture();
    for (const account of [
      domain('d1'),
      domain('d2'),
      project('p1'),
      project('p2', { parentId: 'p1' }),
      user('u1'),
      user('u2'),
    ])
      fixture.keystone.put(account);
    fixture.keystone.roles.push(role('p1', 'u1'));
    await fixture.syncInventory();
    fixture.keystone.calls = [];
    fixture.engine.time += 10_000;
  });
}
