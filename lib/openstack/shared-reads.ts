import type { ApiAnswer, RequestOptions, SilenceWatch } from '../task/service.ts';

/** A read that has not been sent, because it waits for a slot. */
interface WaitingRead {
  readonly answer: Promise<ApiAnswer>;
  /** The signal of the first caller, which aborts the read. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Sends a read when the limiter has a free slot. Calls `onSending` immediately before the read is
 * sent.
 */
type SendInSlot = (onSending: () => void) => Promise<ApiAnswer>;

/**
 * The reads of one API that wait for a slot of the limiter. If another operation needs the same
 * read before it is sent, both get the same answer. A read that has been sent is never shared: its
 * answer may be older than the last removal of the second operation, and would then prove nothing.
 */
export class SharedReads {
  readonly #waiting = new Map<string, WaitingRead>();

  /**
   * Returns the answer of a read that waits for a slot, or else sends the read. `key` contains all
   * that the answer depends on ({@link keyOfRead}). Throws the reason of `watch.signal` as soon as
   * it aborts. If only the first caller of a shared read aborts, the others send a new one.
   */
  async read(
    key: string,
    watch: SilenceWatch | undefined,
    sendInSlot: SendInSlot,
  ): Promise<ApiAnswer> {
    const waitingRead = this.#waiting.get(key);
    if (!waitingRead) return this.#send(key, watch, sendInSlot);
    try {
      const answer = await untilAborted(waitingRead.answer, watch?.signal);
      watch?.answered();
      return answer;
    } catch (error) {
      if (!waitingRead.signal?.aborted || watch?.signal.aborted) throw error;
      return this.read(key, watch, sendInSlot);
    }
  }

  #send(key: string, watch: SilenceWatch | undefined, sendInSlot: SendInSlot): Promise<ApiAnswer> {
    let isSent = false;
    const answer = sendInSlot(() => {
      isSent = true;
      this.#waiting.delete(key);
    });
    if (!isSent) this.#waiting.set(key, { answer, signal: watch?.signal });
    return answer;
  }
}

/** Returns a text that is equal for two reads only if the same answer serves both. */
export const keyOfRead = (
  path: string,
  { endpoint, query, headers, accept, json, body }: RequestOptions,
): string => JSON.stringify([path, endpoint, query, headers, accept, json, body]);

/** Returns the result of `promise`. Throws the reason of the signal as soon as it aborts. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  const endController = new AbortController();
  const rejectionOnAbort = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), {
      once: true,
      signal: endController.signal,
    });
  });
  return Promise.race([promise, rejectionOnAbort]).finally(() => endController.abort());
}
