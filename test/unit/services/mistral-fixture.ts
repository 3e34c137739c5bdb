import { mistral as fake, mistralIn } from '../../cloud/documented/mistral.ts';
import { type Collection, made } from '../../cloud/documented/mistral-rows.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

/** The cloud of the current test. */
export let fixture: CleanupFixture;

export const open = async (documented = fake): Promise<void> => {
  fixture = await CleanupFixture.open({ with: [documented] });
  await fixture.grantCleaner();
};

export const tables = () => mistralIn(fixture.rehearsal.state);

export const addRow = (
  collection: Collection,
  project: string,
  name: string,
  more: Parameters<typeof made>[2] = {},
) => tables()[collection].add(made(project, name, more));

export const left = (resourceType: string) =>
  fixture.left('mistral').filter((resource) => resource.startsWith(`mistral.${resourceType} `));

/** Closes the cloud after each test of the file. */
export function closeCloudAfterEachTest(): void {
  afterEach(() => fixture?.close());
}
