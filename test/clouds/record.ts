/**
 * Tries each case of the table with the `openstack` of PyPI against a Keystone on loopback. `node
 * test/clouds/record.ts` writes the result of each client to recorded.json. With `--check` it fails
 * on a difference instead.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import pLimit from 'p-limit';
import * as z from 'zod';
import {
  type Case,
  type Outcome,
  type Recorded,
  readCases,
  readRecorded,
  recordedPath,
  writeCase,
} from './cases.ts';
import { startKeystone } from './keystone.ts';

const Clients = z.record(z.string(), z.record(z.string(), z.string()));
const CLIENT_SECONDS = 180;
/**
 * The cache makes each start of a client faster, because the client need not search for its
 * plug-ins.
 */
const COMMON = {
  PATH: '/usr/bin:/bin',
  LANG: 'C.UTF-8',
  PYTHONWARNINGS: 'ignore',
  XDG_CACHE_HOME: join(tmpdir(), 'openstack-client-cache'),
};

/**
 * Returns the path of `openstack` in a virtual environment of these packages. The first call
 * creates the environment.
 */
function install(name: string, packages: Readonly<Record<string, string>>): string {
  const pins = Object.entries(packages).map(([key, version]) => `${key}==${version}`);
  const folder = join(tmpdir(), `openstack-client-${name}-${packages['python-openstackclient']}`);
  const ready = join(folder, 'installed');
  if (!existsSync(ready) || readFileSync(ready, 'utf8') !== pins.join(' ')) {
    rmSync(folder, { recursive: true, force: true });
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
    execFileSync(join(folder, 'bin/pip'), ['install', '-q', ...pins], { stdio: 'inherit' });
    writeFileSync(ready, pins.join(' '));
  }
  return join(folder, 'bin/openstack');
}

interface Ended {
  readonly code: number | null;
  readonly text: string;
}
/** The client runs in its own session, so that it cannot ask for a password on a terminal. */
function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: CLIENT_SECONDS * 1000,
    });
    let text = '';
    child.stderr.on('data', (part) => {
      text += part;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === null) reject(new Error(`${command} was ended by ${signal}`));
      else resolve({ code, text });
    });
  });
}

async function tryCase(openstack: string, one: Case): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'clouds-case-'));
  const keystone = await startKeystone(folder);
  const home = join(folder, 'home');
  const hidden = (text: string): string => keystone.blank(text.replaceAll(home, '@home@'));
  try {
    const env = { ...COMMON, ...writeCase(one, home, keystone.fill) };
    const issued = await run(openstack, ['token', 'issue'], join(home, 'work'), env);
    const { logins, proxied } = keystone.take();
    const login = logins[0];
    if (issued.code !== 0 || !login) {
      const lines = issued.text.trim().split('\n');
      return { refused: hidden(lines.at(-1) ?? '').slice(0, 300) };
    }
    const effect = { login: JSON.parse(hidden(JSON.stringify(login))), proxied };
    if (!one.endpoint) return effect;
    const listed = await run(openstack, ['image', 'list'], join(home, 'work'), env);
    const { images } = keystone.take();
    const image =
      images[0]?.replace(/\/v2\/images.*$/, '') ??
      `refused: ${hidden(listed.text.trim().split('\n').at(-1) ?? '')}`;
    return { ...effect, image };
  } finally {
    await keystone.close();
    rmSync(folder, { recursive: true });
  }
}

const cases = readCases();
const only = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const chosen = Object.entries(cases).filter(([name]) => only.length === 0 || only.includes(name));
const clients = Clients.parse(
  JSON.parse(readFileSync(join(import.meta.dirname, 'clients.json'), 'utf8')),
);
const before: Recorded = existsSync(recordedPath) ? readRecorded() : { clients, outcomes: {} };
const outcomes: Recorded['outcomes'] = only.length === 0 ? {} : { ...before.outcomes };
const limit = pLimit(availableParallelism());
let differences = 0;
for (const [client, packages] of Object.entries(clients)) {
  const openstack = install(client, packages);
  const tried = chosen.map(([name, one]) =>
    limit(async () => {
      const outcome = await tryCase(openstack, one);
      const known = before.outcomes[name]?.[client];
      // The text of a refusal depends on the libraries of the client. Only the refusal itself is
      // compared.
      const same =
        known && ('refused' in outcome ? 'refused' in known : isDeepStrictEqual(outcome, known));
      if (!same) {
        differences += 1;
        process.stdout.write(
          `${name} (${client}): ${JSON.stringify(known)} was recorded, now ${JSON.stringify(outcome)}\n`,
        );
      }
      return [name, outcome] as const;
    }),
  );
  for (const [name, outcome] of await Promise.all(tried))
    outcomes[name] = { ...outcomes[name], [client]: outcome };
}
process.stdout.write(
  `${chosen.length} cases with ${Object.keys(clients).length} clients, ${differences} differences\n`,
);
if (!process.argv.includes('--check')) {
  const sorted = Object.fromEntries(
    Object.keys(cases).flatMap((name) => (outcomes[name] ? [[name, outcomes[name]]] : [])),
  );
  writeFileSync(recordedPath, `${JSON.stringify({ clients, outcomes: sorted }, null, 1)}\n`);
} else if (differences > 0) process.exitCode = 1;
