import { nova } from '../../../lib/services/nova.ts';
import type { CloudOptions } from '../../cloud/cloud.ts';
import type { Volume } from '../../cloud/rows.ts';
import type { SizeName } from '../../cloud/seed.ts';
import { TimedFixture } from './timed-fixture.ts';

/** The cloud of the current test. */
export let fixture: TimedFixture;

export const MINUTE = 60_000;

export const left = (resourceType = '') =>
  fixture.fixture
    .left('cinder')
    .filter((resource) => resource.startsWith(`cinder.${resourceType}`));

export const faults = () => fixture.fixture.rehearsal.faults;

export const rowOfProject = <T extends { project_id: string; name: string }>(
  rows: readonly T[],
  name: string,
): T => {
  const row = rows.find((each) => each.name === name && each.project_id === fixture.project);
  if (!row) throw new TypeError(`the project has no resource ${name}`);
  return row;
};

export const volume = (name: string): Volume => rowOfProject(fixture.storage.volumes.all(), name);

export const setFields = (name: string, fields: Partial<Volume>): Volume =>
  Object.assign(volume(name), fields);

/** Opens a cloud without servers, because Cinder runs after Nova. */
export async function open(
  options: Omit<CloudOptions, 'clock'> = {},
  size: SizeName = 'small',
): Promise<void> {
  fixture = await TimedFixture.open(options, size);
  await fixture.applyUntilEnd(nova);
}

/** Opens a cloud with servers, whose volumes are attached. */
export async function openWithServers(options: Omit<CloudOptions, 'clock'> = {}): Promise<void> {
  fixture = await TimedFixture.open(options);
}

export const finished = { kind: 'finished' };

/** Closes the cloud after each test of the file. */
export function closeCloudAfterEachTest(): void {
  afterEach(() => fixture.fixture.close());
}
