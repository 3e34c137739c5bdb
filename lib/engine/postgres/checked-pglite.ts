import { PGlite } from '@electric-sql/pglite';

type SendMessage = PGlite['execProtocolStream'];

/** The protocol messages that PostgreSQL answers with `ReadyForQuery`: `Query` and `Sync`. */
const MESSAGES_WITH_READY = [0x51, 0x53];

/**
 * PGlite that fails each call after PostgreSQL has stopped. If PostgreSQL aborts, for example
 * because a file cannot be synced, PGlite 0.5.16 returns an empty answer, and its caller would wait
 * for ever. If PGlite throws, PostgreSQL may still be in a transaction, and a later call must not
 * commit it.
 */
export class CheckedPGlite extends PGlite {
  #stopError: Error | undefined;

  override async execProtocolStream(
    message: Parameters<SendMessage>[0],
    options: Parameters<SendMessage>[1] = {},
  ): ReturnType<SendMessage> {
    if (this.#stopError) throw this.#stopError;
    try {
      const answer = await super.execProtocolStream(message, options);
      const mustBeReady = MESSAGES_WITH_READY.includes(message[0] ?? 0);
      if (!mustBeReady || answer.some(({ name }) => name === 'readyForQuery')) return answer;
      this.#stopError = new Error(
        'Aborted(): PostgreSQL in this process has stopped; start the process again',
      );
    } catch (error) {
      this.#stopError = error instanceof Error ? error : new Error(String(error));
    }
    throw this.#stopError;
  }
}
