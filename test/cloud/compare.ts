import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { type Credentials, readCredentials } from '../../lib/openstack/credentials.ts';
import { startCloud } from './cloud.ts';
import { type Ask, Asker, type Observation } from './compare-ask.ts';
import { computeScript } from './compare-compute.ts';
import { contentScript } from './compare-content.ts';
import { identityScript } from './compare-identity.ts';
import { networkScript } from './compare-network.ts';
import { differences } from './compare-shape.ts';
import { storageScript } from './compare-storage.ts';

/**
 * Makes the same calls on a real cloud (`OS_CLOUD` or `OS_*`) and on the rehearsal cloud, in
 * projects that the calls create and delete. The statuses, the headers, the shapes of the bodies
 * and the texts of refusals must agree. The exit code is 1 if they do not. `npm run
 * test:cloud-compare` runs all scripts, and `node test/cloud/compare.ts network storage` runs two
 * of them.
 */
const scripts: Record<string, (ask: Ask) => Promise<void>> = {
  identity: identityScript,
  compute: computeScript,
  storage: storageScript,
  network: networkScript,
  content: contentScript,
};

const readFile = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

const real = readCredentials({ env: process.env, readFile, home: homedir(), cwd: process.cwd() });
const rehearsal = await startCloud({ backupService: false, defaultTypesOfGoneProjects: false });
const made = readCredentials({
  env: rehearsal.credentials,
  readFile,
  home: '/nowhere',
  cwd: '/nowhere',
});
const wanted = process.argv.slice(2);
let compared = 0;
let differing = 0;
for (const [name, script] of Object.entries(scripts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const [there, here] = [await observe(real, script), await observe(made, script)];
  for (const [index, seen] of there.entries()) {
    const own = here[index];
    const found = own ? differences(seen, own) : ['the rehearsal cloud stopped before this call'];
    compared++;
    if (found.length === 0) continue;
    differing++;
    console.log(`${name}: ${seen.call}`);
    for (const line of found) console.log(`    ${line}`);
  }
}
await rehearsal.close();
console.log(`${compared} calls compared, ${differing} differ`);
process.exitCode = differing === 0 ? 0 : 1;

async function observe(
  credentials: Credentials,
  script: (ask: Ask) => Promise<void>,
): Promise<readonly Observation[]> {
  const asker = await Asker.login(credentials);
  try {
    await script(asker.ask);
  } catch (error) {
    console.log(
      `stopped after ${asker.observations.at(-1)?.call} of ${credentials.authUrl}: ${error instanceof Error ? `${error.message} ${error.cause ?? ''}` : error}`,
    );
  } finally {
    await asker.housekeeping();
  }
  return asker.observations;
}
