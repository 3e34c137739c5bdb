import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cloud } from '../../test/openstack/cloud.ts';
import type { Customer, PopulatedProject } from '../../test/openstack/populate.ts';

/** The clients of OpenStack with which the bench compares, and the setting of their path. */
const CLIENTS = {
  openstack: { package: 'python-openstackclient', setting: 'OPENSTACK_COMMAND' },
  swift: { package: 'python-swiftclient', setting: 'SWIFT_COMMAND' },
} as const;
type Client = keyof typeof CLIENTS;

/**
 * Returns the path of a client. If its setting is not in the environment, the newest release is
 * installed into a virtual environment, which the next run of the bench uses again.
 */
export function clientCommand(client: Client): string {
  const { package: name, setting } = CLIENTS[client];
  const configuredPath = process.env[setting];
  if (configuredPath) return configuredPath;
  const folder = join(tmpdir(), `propagator-bench-${client}client`);
  const command = join(folder, 'bin', client);
  if (!existsSync(command)) {
    console.log(`installing the newest ${name} into a virtual environment`);
    execFileSync('python3', ['-m', 'venv', folder]);
    // The client of Swift needs the client of Keystone, but does not install it.
    execFileSync(
      join(folder, 'bin', 'pip'),
      ['install', '--quiet', name, 'python-keystoneclient'],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
  }
  return command;
}

/** Returns the name and version of a client, for example `python-swiftclient 4.8.0`. */
export const versionOf = (command: string): string =>
  execFileSync(command, ['--version'], { encoding: 'utf8' }).trim();

/** The result of one call of a client. */
export interface PeerRun {
  readonly code: number | null;
  /** The last lines that the command printed. */
  readonly output: string;
}

/**
 * Runs `openstack project cleanup` as a member of the project. With the admin role, the command was
 * seen to delete resources of other projects.
 */
export const projectCleanup = (
  command: string,
  cloud: Cloud,
  customer: Customer,
  project: PopulatedProject,
): Promise<PeerRun> =>
  run(command, ['project', 'cleanup', '--auth-project'], memberLogin(cloud, customer, project));

/**
 * Runs `swift delete --all` as a member of the project. If the cluster supports bulk deletion, the
 * client uses it.
 */
export const swiftDelete = (
  command: string,
  cloud: Cloud,
  customer: Customer,
  project: PopulatedProject,
): Promise<PeerRun> =>
  run(command, ['--quiet', 'delete', '--all'], memberLogin(cloud, customer, project));

/** The environment of a client that logs in as a member of the project. */
function memberLogin(
  cloud: Cloud,
  customer: Customer,
  project: PopulatedProject,
): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^OS_|^NODE_|^JEST_/.test(name),
  );
  return {
    ...Object.fromEntries(inherited),
    OS_AUTH_URL: cloud.authUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: `${customer.prefix}-member`,
    OS_USER_DOMAIN_NAME: customer.prefix,
    OS_PASSWORD: customer.member.password,
    OS_PROJECT_ID: project.id,
    // By default the newest client requests a version of Manila that Zed does not have, and stops.
    OS_SHARE_API_VERSION: process.env.OS_SHARE_API_VERSION ?? '2.60',
    ...(cloud.region === undefined ? {} : { OS_REGION_NAME: cloud.region }),
  };
}

/** Runs a client, and answers its question with yes. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<PeerRun> {
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end('y\n');
  let output = '';
  const collect = (chunk: unknown): void => {
    output += String(chunk);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, output: output.split('\n').slice(-6).join('\n') }),
    );
  });
}
