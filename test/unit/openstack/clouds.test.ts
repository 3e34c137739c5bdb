import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceName } from '../../../events/ids.ts';
import { connectCloud } from '../../../lib/openstack/connect.ts';
import { readCredentials } from '../../../lib/openstack/credentials.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { type Case, type Outcome, readCases, readRecorded, writeCase } from '../../clouds/cases.ts';
import { type FakeKeystone, startKeystone } from '../../clouds/keystone.ts';

/**
 * test/clouds/record.ts has tried each case with `openstack`. These tests compare the result of the
 * newest client with that of the propagator.
 */
const cases = readCases();
const { outcomes } = readRecorded();

let folder: string;
let keystone: FakeKeystone;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clouds-'));
  keystone = await startKeystone(folder);
});
afterAll(async () => {
  await keystone.close();
  rmSync(folder, { recursive: true });
});

const readFile = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** Logs in as the propagator does. Lists images if region and interface matter. */
async function logInAsPropagator(one: Case): Promise<Outcome> {
  const home = mkdtempSync(join(folder, 'home-'));
  keystone.take();
  const hidden = (text: string): string => keystone.blank(text.replaceAll(home, '@home@'));
  try {
    const env = writeCase(one, home, keystone.fill);
    const credentials = readCredentials({ env, readFile, home, cwd: join(home, 'work') });
    const cloud = connectCloud(credentials);
    try {
      await cloud.ownProject();
      const { logins, proxied } = keystone.take();
      const effect = { login: JSON.parse(hidden(JSON.stringify(logins[0]))), proxied };
      if (!one.endpoint) return effect;
      const glance = { name: ServiceName.parse('glance'), catalogTypes: ['image'], concurrency: 1 };
      const region = credentials.regions[0] ?? 'North';
      const api = await cloud.api({ ...glance, microversion: undefined }, region);
      await api?.request('GET', '/v2/images');
      return { ...effect, image: keystone.take().images[0]?.replace(/\/v2\/images.*$/, '') };
    } finally {
      await cloud.close();
    }
  } catch (thrown) {
    if (thrown instanceof PropagatorError) return { refused: hidden(thrown.report.message) };
    throw thrown;
  }
}

it('the table has at least 60 files and 25 environments', () => {
  const names = Object.keys(cases);
  expect(names.filter((name) => !name.startsWith('env-')).length).toBeGreaterThanOrEqual(60);
  expect(names.filter((name) => name.startsWith('env-')).length).toBeGreaterThanOrEqual(25);
  expect(Object.keys(outcomes)).toEqual(names);
});

it.each(Object.entries(cases))('%s is read as the openstack client reads it', async (name, one) => {
  const ours = await logInAsPropagator(one);
  const theirs = outcomes[name]?.newest;
  if (one.ours && 'refuses' in one.ours)
    expect(ours).toEqual({ refused: expect.stringContaining(one.ours.refuses) });
  else if (one.ours) expect(ours).not.toHaveProperty('refused');
  else if (theirs && 'refused' in theirs) expect(ours).toHaveProperty('refused');
  else expect(ours).toEqual(theirs);
  if ('refused' in ours) {
    expect(ours.refused).not.toMatch(/\n|s3cret/);
    expect(ours.refused.length).toBeLessThan(300);
  }
});
