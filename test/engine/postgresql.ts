import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';

/** A temporary PostgreSQL server: in a temporary folder, on its own port, on loopback. */
export interface Postgresql {
  /** Creates an empty database and returns its URL. */
  createDatabase(): Promise<string>;
  /** Stops the server, runs `work`, and starts the server again. */
  whileDown(work: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

const HOW_TO_INSTALL = `PostgreSQL is not installed, and the engine must be proven on a real one.
  Debian, Ubuntu: apt-get install postgresql      Fedora: dnf install postgresql-server      macOS: brew install postgresql
Or name the folder of initdb and postgres in POSTGRESQL_BIN.`;

/** Throws an error with installation instructions if this machine has no PostgreSQL. */
export async function startPostgresql(): Promise<Postgresql> {
  const programs = findPrograms();
  const user = unprivileged();
  const folder = mkdtempSync(join(tmpdir(), 'propagator-postgresql-'));
  if (user) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C' } };
  execFileSync(
    join(programs, 'initdb'),
    ['-D', data, '-A', 'trust', '-U', 'propagator', '-E', 'UTF8', '-N'],
    {
      ...options,
      stdio: 'pipe',
    },
  );
  const port = await freePort();
  const address = `postgres://propagator@127.0.0.1:${port}`;
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'fsync=off',
    'max_connections=200',
  ];
  const start = async (): Promise<ChildProcess> => {
    const started = spawn(
      join(programs, 'postgres'),
      ['-D', data, '-p', `${port}`, ...settings.flatMap((setting) => ['-c', setting])],
      {
        ...options,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    await ready(`${address}/postgres`, started);
    return started;
  };
  let server = await start();
  const kill = () => server.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    const ended = once(server, 'exit');
    server.kill('SIGINT');
    await ended;
  };
  return {
    async createDatabase() {
      const name = `test_${randomBytes(4).toString('hex')}`;
      await asked(`${address}/postgres`, `CREATE DATABASE ${name}`);
      return `${address}/${name}`;
    },
    async whileDown(work) {
      await stop();
      try {
        await work();
      } finally {
        server = await start();
      }
    },
    async stop() {
      await stop();
      process.off('exit', kill);
      rmSync(folder, { recursive: true });
    },
  };
}

function findPrograms(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian)
    ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a))
    : [];
  const folders = [
    process.env.POSTGRESQL_BIN ?? '',
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  const found = folders.find(
    (folder) =>
      folder !== '' && existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')),
  );
  if (found === undefined) throw new Error(HOW_TO_INSTALL);
  return found;
}

/** PostgreSQL refuses to run as root. It then runs as the user that its package created. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}

async function asked(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function ready(url: string, server: ChildProcess): Promise<void> {
  const log: string[] = [];
  server.stderr?.on('data', (text) => log.push(String(text)));
  for (let tries = 0; tries < 300; tries += 1) {
    if (server.exitCode !== null) break;
    const up = await asked(url, 'SELECT 1').then(
      () => true,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`PostgreSQL did not start:\n${log.join('')}`);
}

if (import.meta.main) {
  const postgresql = await startPostgresql();
  console.log(`DATABASE_URL=${await postgresql.createDatabase()}`);
  console.log('Ctrl-C stops it and throws it away.');
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void postgresql.stop().then(() => process.exit(0)));
  setInterval(() => {}, 60_000);
}
