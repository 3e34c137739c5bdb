import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { apiFetchOf } from '../../lib/cli/aws-signature.ts';
import { ApiClient } from '../../lib/cli/client.ts';

const SCRIPT = join(import.meta.dirname, '../../lib/cli/propagator.ts');
const TOKEN = 'token-of-the-reliability-suite-0123456789';
const MAX_STORED_LINES = 400;

const ReadyLine = z.object({ api: z.string() });

/** The place of the state of a process. */
export type Store = { readonly PROPAGATOR_DATA: string } | { readonly DATABASE_URL: string };

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** One `propagator start` in a separate process, with an API on a free port of loopback. */
export class PropagatorProcess {
  static readonly #living = new Set<PropagatorProcess>();
  /** Must be called after each test, also after a failed one. */
  static async killAll(): Promise<void> {
    await Promise.all([...PropagatorProcess.#living].map((living) => living.end('SIGKILL')));
  }

  /** The last lines of its log. */
  readonly log: string[] = [];
  readonly #child: ChildProcess;
  readonly #api = Promise.withResolvers<string>();
  readonly #ended = Promise.withResolvers<Ended>();
  /** The URL of the API while the process is ready: `undefined` before that and after its end. */
  api: string | undefined;

  constructor(
    store: Store,
    cloud: Readonly<Record<string, string>>,
    settings: Readonly<Record<string, string>> = {},
    options: readonly string[] = [],
  ) {
    this.#child = spawn(process.execPath, [SCRIPT, 'start', ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        TZ: 'UTC',
        HOME: '/nonexistent',
        PROPAGATOR_MODE: 'enforce',
        PROPAGATOR_GRACE_PERIOD: '0s',
        PROPAGATOR_CONFIRMATION_INTERVAL: '1s',
        PROPAGATOR_MAX_OPERATIONS_PER_HOUR: '100000',
        PROPAGATOR_PORT: '0',
        PROPAGATOR_API_TOKENS: `reliability=${TOKEN}`,
        ...cloud,
        ...store,
        ...settings,
      },
    });
    PropagatorProcess.#living.add(this);
    this.#api.promise.catch(() => undefined);
    let stderr = '';
    this.#child.stderr?.on('data', (text) => {
      stderr += String(text);
    });
    if (this.#child.stdout)
      createInterface(this.#child.stdout).on('line', (line) => this.#read(line));
    this.#child.on('close', (code, signal) => {
      PropagatorProcess.#living.delete(this);
      this.api = undefined;
      const words = stderr || this.log.slice(-5).join('\n');
      this.#api.reject(new Error(`the propagator ended before it was ready: ${words}`));
      this.#ended.resolve({ code, signal, stderr });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get ended(): Promise<Ended> {
    return this.#ended.promise;
  }

  /** Returns the API. Rejects with the output of the process if it ends instead. */
  ready(): Promise<string> {
    return this.#api.promise;
  }

  async client(): Promise<ApiClient> {
    return clientOf(await this.ready());
  }

  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(signal);
    return this.ended;
  }

  #read(line: string): void {
    this.log.push(line);
    if (this.log.length > MAX_STORED_LINES) this.log.shift();
    if (this.api !== undefined || !line.includes('"api"')) return;
    this.api = ReadyLine.parse(JSON.parse(line)).api;
    this.#api.resolve(this.api);
  }
}

/** Calls an API of a {@link PropagatorProcess}, with its token. */
export const clientOf = (api: string): ApiClient =>
  new ApiClient(api, apiFetchOf(api, { PROPAGATOR_API_TOKEN: TOKEN }));
