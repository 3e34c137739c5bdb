import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pLimit from 'p-limit';
import * as z from 'zod';
import { type Columns, Snapshot } from '../project-columns/columns.ts';

const FILE = new URL('collections.json', import.meta.url);
/** Returns the stored API collections of the supported releases, which `read.ts` has recorded. */
export const routesSnapshot = (): Snapshot =>
  Snapshot.parse(JSON.parse(readFileSync(FILE, 'utf8')));
export const ROUTES_FILE = FILE;

const READER = fileURLToPath(new URL('api_collections.py', import.meta.url));
const run = promisify(execFile);

/** Runs the reader. Without `service`, it returns the services; otherwise the collections. */
async function runReader(python: string, ...service: string[]): Promise<string[]> {
  const { stdout } = await run(python, ['-B', READER, ...service], { maxBuffer: 1 << 26 });
  return z.array(z.string()).parse(JSON.parse(stdout));
}

/**
 * Returns the API collections of every service that is installed for a Python interpreter, by
 * service. api_collections.py reads them from the installed code, in one process per service, and
 * calls no service. Rejects if the code of a service cannot be read.
 */
export async function readCollections(python: string): Promise<Columns> {
  const limit = pLimit(2);
  const services = await runReader(python);
  return Object.fromEntries(
    await Promise.all(
      services.map((name) => limit(async () => [name, await runReader(python, name)] as const)),
    ),
  );
}

/**
 * Returns the interpreter that runs the services of the cloud that the environment names:
 * `OPENSTACK_TEST_PYTHON`, or else the interpreter of the `venv` in the folder of the clouds.yaml.
 * If that folder has a database but no `venv`, the cloud runs on this machine with the interpreter
 * of the system. Returns `undefined` if the code of the cloud is not on this machine.
 */
export function cloudPython(env: NodeJS.ProcessEnv): string | undefined {
  const folder = dirname(env.OS_CLIENT_CONFIG_FILE ?? '');
  const venvPython = `${folder}/venv/bin/python`;
  if (env.OPENSTACK_TEST_PYTHON !== undefined) return env.OPENSTACK_TEST_PYTHON;
  if (existsSync(venvPython)) return venvPython;
  return existsSync(`${folder}/mysql/sock`) ? '/usr/bin/python3' : undefined;
}
