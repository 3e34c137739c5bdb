import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cloud } from '../../test/openstack/cloud.ts';
import type { Customer, PopulatedProject } from '../../test/openstack/populate.ts';

/** The virtual environment of the newest client. It is kept for the next run of the bench. */
const FOLDER = join(tmpdir(), 'propagator-bench-openstackclient');

/**
 * Returns the path of the command `openstack`: the value of OPENSTACK_COMMAND. If the variable is
 * not set, the newest python-openstackclient is installed into a virtual environment.
 */
export function openstackCommand(): string {
  const given = process.env.OPENSTACK_COMMAND;
  if (given) return given;
  const command = join(FOLDER, 'bin', 'openstack');
  if (!existsSync(command)) {
    console.log('installing the newest python-openstackclient into a virtual environment');
    execFileSync('python3', ['-m', 'venv', FOLDER]);
    execFileSync(join(FOLDER, 'bin', 'pip'), ['install', '--quiet', 'python-openstackclient'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
  return command;
}

/** `openstack 10.5.0`. */
export const versionOf = (command: string): string =>
  execFileSync(command, ['--version'], { encoding: 'utf8' }).trim();

export interface PeerRun {
  readonly code: number | null;
  /** The last lines that the command printed. */
  readonly output: string;
}

/**
 * Runs `openstack project cleanup` as a member of the project. With the admin role, the command was
 * seen to delete resources of other projects.
 */
export function projectCleanup(
  command: string,
  cloud: Cloud,
  customer: Customer,
  project: PopulatedProject,
): Promise<PeerRun> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^OS_|^NODE_|^JEST_/.test(name),
  );
  const env = {
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
  const child = spawn(command, ['project', 'cleanup', '--auth-project'], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
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
