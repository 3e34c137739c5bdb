import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { createServer, listen } from '../cloud/http.ts';

interface Account {
  readonly id: string;
  readonly account: string;
  paused?: boolean;
}

const Change = z.object({ paused: z.boolean() });

/** The billing system that the example module uses. */
export class Billing {
  readonly tables = new Map<string, Account[]>([
    ['subscriptions', []],
    ['payment-methods', []],
  ]);
  /** Returns the rows of all accounts, and ignores the filter. */
  ignoresFilter = false;
  /** Payment methods that were removed while their account still had a subscription. */
  readonly wrongOrder: string[] = [];
  #server: Server | undefined;

  async start(): Promise<string> {
    this.#server = createServer(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://billing');
      const [, collection = '', id] = pathname.split('/');
      const [status, answer] =
        request.method === 'DELETE'
          ? this.#remove(collection, id)
          : request.method === 'PATCH'
            ? this.#change(id, Change.parse(await json(request)))
            : this.#list(collection, searchParams);
      response.writeHead(status).end(answer === undefined ? undefined : JSON.stringify(answer));
    });
    return `http://127.0.0.1:${await listen(this.#server, 0)}`;
  }

  /** Returns one row per page. */
  #list(collection: string, query: URLSearchParams): [number, unknown] {
    const all = this.tables.get(collection) ?? [];
    const wanted = all.filter(
      ({ account }) => this.ignoresFilter || account === query.get('account'),
    );
    const at = Number(query.get('after'));
    return [
      200,
      { rows: wanted.slice(at, at + 1), next: at + 1 < wanted.length ? String(at + 1) : null },
    ];
  }

  #change(id: string | undefined, { paused }: z.infer<typeof Change>): [number, unknown] {
    const row = this.tables.get('subscriptions')?.find((one) => one.id === id);
    if (!row) return [404, { error: 'no such row' }];
    row.paused = paused;
    return [200, row];
  }

  #remove(collection: string, id: string | undefined): [number, unknown] {
    const row = this.tables.get(collection)?.find((one) => one.id === id);
    if (!row) return [404, { error: 'no such row' }];
    if (
      collection === 'payment-methods' &&
      this.tables.get('subscriptions')?.some(({ account }) => account === row.account)
    )
      this.wrongOrder.push(row.id);
    this.tables.set(collection, this.tables.get(collection)?.filter((one) => one !== row) ?? []);
    return [204, undefined];
  }

  /** The subscriptions of an account that are paused. */
  paused(account: string): string[] {
    const rows = this.tables.get('subscriptions') ?? [];
    return rows.flatMap((row) => (row.account === account && row.paused ? [row.id] : []));
  }

  of(account: string): string[] {
    return [...this.tables.values()]
      .flat()
      .flatMap((row) => (row.account === account ? [row.id] : []));
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

/** The token that the example sends with its reports. */
export const CMDB_TOKEN = 'cmdb-'.repeat(8);

/** The Python example with its own database. */
export class Cmdb {
  readonly #database: DatabaseSync;
  readonly #environment: Readonly<Record<string, string>>;
  #process: ChildProcess | undefined;

  constructor(folder: string, port: number, propagator: string) {
    const path = join(folder, 'cmdb.sqlite');
    this.#database = new DatabaseSync(path);
    this.#database.exec(
      'CREATE TABLE asset (id INTEGER PRIMARY KEY, project TEXT, name TEXT, audited INTEGER DEFAULT 0)',
    );
    this.#environment = {
      CMDB_DATABASE: path,
      CMDB_PORT: String(port),
      PROPAGATOR_API_URL: propagator,
      PROPAGATOR_API_TOKEN: CMDB_TOKEN,
    };
  }

  async start(): Promise<void> {
    const environment = { ...process.env, ...this.#environment };
    const started = spawn('python3', [resolve('examples/cmdb-remote/cmdb.py')], {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process = started;
    await once(started.stdout, 'data');
  }

  async kill(): Promise<void> {
    const running = this.#process;
    if (!running || running.exitCode !== null) return;
    const gone = once(running, 'exit');
    running.kill('SIGKILL');
    await gone;
    this.#process = undefined;
  }

  add(project: string, name: string, audited = false): void {
    this.#database
      .prepare('INSERT INTO asset (project, name, audited) VALUES (?, ?, ?)')
      .run(project, name, audited ? 1 : 0);
  }

  endAudits(): void {
    this.#database.exec('UPDATE asset SET audited = 0');
  }

  of(project: string): string[] {
    const rows = this.#database
      .prepare('SELECT name FROM asset WHERE project = ? ORDER BY name')
      .all(project);
    return rows.map(({ name }) => String(name));
  }

  async close(): Promise<void> {
    await this.kill();
    this.#database.close();
  }
}
