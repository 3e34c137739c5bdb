import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pLimit from 'p-limit';
import * as z from 'zod';
import { type Columns, Snapshot } from '../project-columns/columns.ts';

const FILE = new URL('collections.json', import.meta.url);
/** The API collections that the supported releases had when the page was made. */
export const routesSnapshot = (): Snapshot =>
  Snapshot.parse(JSON.parse(readFileSync(FILE, 'utf8')));
export const ROUTES_FILE = FILE;

const READER = fileURLToPath(new URL('api_collections.py', import.meta.url));
const run = promisify(execFile);

async function read(python: string, ...service: string[]): Promise<string[]> {
  const { stdout } = await run(python, ['-B', READER, ...service], { maxBuffer: 1 << 26 });
  return z.array(z.string()).parse(JSON.parse(stdout));
}

/**
 * The API collections of every service that a Python interpreter has, by service. Calls no service:
 * it reads the routes from the installed code (api_collections.py), one process per service.
 * Rejects if the code of a service cannot be read.
 */
export async function readCollections(python: string): Promise<Columns> {
  const limit = pLimit(2);
  const services = await read(python);
  return Object.fromEntries(
    await Promise.all(
      services.map((name) => limit(async () => [name, await read(python, name)] as const)),
    ),
  );
}

/**
 * Returns the interpreter that runs the services of the cloud that the environment names:
 * `OPENSTACK_TEST_PYTHON`, or else the interpreter of the `venv` in the folder of the clouds.yaml.
 * If that folder has a database but no `venv`, the cloud runs on this machine with the interpreter
 * of the system. `undefined`: the code of the cloud is not on this machine.
 */
export function cloudPython(env: NodeJS.ProcessEnv): string | undefined {
  const folder = dirname(env.OS_CLIENT_CONFIG_FILE ?? '');
  const beside = `${folder}/venv/bin/python`;
  if (env.OPENSTACK_TEST_PYTHON !== undefined) return env.OPENSTACK_TEST_PYTHON;
  if (existsSync(beside)) return beside;
  return existsSync(`${folder}/mysql/sock`) ? '/usr/bin/python3' : undefined;
}
