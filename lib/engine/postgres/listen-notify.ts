import type { Client } from 'pg';

const FIRST_WAIT_MILLIS = 1000;
const MAX_WAIT_MILLIS = 30_000;

/**
 * Receives the `NOTIFY` messages of PostgreSQL on a separate connection, and reconnects if the
 * connection is lost. The listener only speeds up the delivery of messages: polling finds each
 * message, also behind a connection pooler that does not support `LISTEN`.
 */
export class NotificationListener {
  readonly #connect: () => Client;
  readonly #channel: string;
  readonly #warn: (message: string, cause?: unknown) => void;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitMillis = FIRST_WAIT_MILLIS;
  #isClosed = false;
  #receive: (payload: string) => void = () => {};

  constructor(
    connect: () => Client,
    channel: string,
    warn: (message: string, cause?: unknown) => void,
  ) {
    this.#connect = connect;
    this.#channel = channel;
    this.#warn = warn;
  }

  /** Starts listening. `receive` gets the payload of each `NOTIFY`. */
  listen(receive: (payload: string) => void): void {
    this.#receive = receive;
    void this.#open();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => {});
  }

  async #open(): Promise<void> {
    const client = this.#connect();
    let isLost = false;
    const reconnect = (error: unknown) => {
      if (isLost || this.#isClosed) return;
      isLost = true;
      if (this.#waitMillis === FIRST_WAIT_MILLIS)
        this.#warn(
          'The connection for LISTEN failed; until it works, polling finds new messages',
          error,
        );
      this.#timer = setTimeout(() => void this.#open(), this.#waitMillis);
      this.#waitMillis = Math.min(this.#waitMillis * 2, MAX_WAIT_MILLIS);
      void client.end().catch(() => {});
    };
    client.on('error', reconnect);
    client.on('end', () => reconnect(new Error('the connection ended')));
    client.on('notification', ({ payload }) => this.#receive(payload ?? ''));
    this.#client = client;
    try {
      await client.connect();
      await client.query(`LISTEN ${this.#channel}`);
      this.#waitMillis = FIRST_WAIT_MILLIS;
    } catch (error) {
      reconnect(error);
    }
  }
}
