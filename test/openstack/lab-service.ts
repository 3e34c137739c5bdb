import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { until } from './cloud.ts';

/** uWSGI waits up to 60 s for the requests that its processes answer. */
const STOP_SECONDS = 120;
const START_SECONDS = 180;

/**
 * Returns the strings of an argument list or an environment, which the kernel separates with NUL.
 */
const nulSeparatedStrings = (file: string) =>
  readFileSync(file, 'utf8').split('\0').filter(Boolean);

/** True if a process of this group exists. */
function groupExists(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

/** True if an HTTP server on this address (`HOST:PORT`) answers with any status. */
const isAnswering = (address: string): Promise<boolean> =>
  fetch(`http://${address}/`, { signal: AbortSignal.timeout(10_000) }).then(
    () => true,
    () => false,
  );

/**
 * A service of the lab on this machine. Its processes are one group, with its id in
 * `$LAB/run/<name>.pid`. `stop` returns when no process of the group is left, and `start` returns
 * when the API answers: the following tests need both to be true.
 */
export class LabService {
  readonly #lab: string;
  readonly #name: string;
  #command: string[] = [];
  #environment: Record<string, string> = {};
  constructor(lab: string, name: string) {
    this.#lab = lab;
    this.#name = name;
  }
  get #pidFile(): string {
    return `${this.#lab}/run/${this.#name}.pid`;
  }
  get #logFile(): string {
    return `${this.#lab}/log/${this.#name}.log`;
  }

  stop = async (): Promise<void> => {
    const pid = Number(readFileSync(this.#pidFile, 'utf8'));
    this.#command = nulSeparatedStrings(`/proc/${pid}/cmdline`);
    this.#environment = Object.fromEntries(
      nulSeparatedStrings(`/proc/${pid}/environ`).map((pair) => {
        const end = pair.indexOf('=');
        return [pair.slice(0, end), pair.slice(end + 1)];
      }),
    );
    process.kill(-pid, 'SIGTERM');
    await until(`no process of ${this.#name} is left`, STOP_SECONDS, async () =>
      groupExists(pid) ? undefined : true,
    );
  };

  /**
   * Starts the service again if it ends before its API answers. uWSGI ends if it cannot load its
   * application, for example because of an error of the database.
   */
  start = async (): Promise<void> => {
    let child: ChildProcess | undefined;
    const isRunning = () =>
      child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
    await until(`the API of ${this.#name} answers`, START_SECONDS, async () => {
      if (!isRunning()) child = this.#spawn();
      return (await this.#answers()) && isRunning() ? true : undefined;
    }).catch((cause: unknown) => {
      const log = readFileSync(this.#logFile, 'utf8').split('\n').slice(-25).join('\n');
      throw new Error(`${String(cause)}\n${log}`, { cause });
    });
  };

  #spawn(): ChildProcess {
    const [program, ...args] = this.#command;
    if (program === undefined) throw new Error(`${this.#name} was not stopped by this object`);
    const log = openSync(this.#logFile, 'a');
    const child = spawn(program, args, {
      env: this.#environment,
      cwd: this.#lab,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.once('error', (error) => appendFileSync(this.#logFile, `${error}\n`));
    child.unref();
    writeFileSync(this.#pidFile, `${child.pid}\n`);
    return child;
  }

  /** The address is an option of the command line: `--http-socket HOST:PORT`. */
  #answers(): Promise<boolean> {
    const option = this.#command.indexOf('--http-socket');
    const address = option === -1 ? undefined : this.#command[option + 1];
    if (!address) throw new Error(`no --http-socket HOST:PORT in: ${this.#command.join(' ')}`);
    return isAnswering(address);
  }
}
