import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { changeCall, changeReply, type Effect, type Faults } from './faults.ts';
import {
  type Call,
  createServer,
  type Front,
  listen,
  Refusal,
  type Reply,
  readBody,
} from './http.ts';

/** An API call and its answer. */
export interface LoggedCall {
  readonly service: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** The status. 0 if the connection was broken instead. */
  readonly status: number;
  /** Of the real clock, epoch milliseconds. */
  readonly at: number;
}

/** The server of one service, on its own port. It keeps the port while it is stopped. */
export class ServiceServer {
  readonly front: Front;
  readonly #faults: Faults;
  readonly #calls: LoggedCall[];
  #server: Server | undefined;
  #port = 0;
  base = '';

  constructor(front: Front, faults: Faults, calls: LoggedCall[]) {
    this.front = front;
    this.#faults = faults;
    this.#calls = calls;
  }

  /** Starts the server. After {@link stop} it uses the same port again. */
  async start(): Promise<void> {
    if (this.#server) return;
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
    });
    server.keepAliveTimeout = 60_000;
    this.#port = await listen(server, this.#port);
    this.#server = server;
    this.base = `http://127.0.0.1:${this.#port}`;
  }

  /** From now on connections are refused. Open connections are broken. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = this.#read(request, await readBody(request));
    const path = call.path + call.search;
    const effects = this.#faults.effectsOf(call);
    const log = (status: number): void => {
      this.#calls.push({
        service: call.service,
        method: call.method,
        path,
        status,
        at: Date.now(),
      });
    };
    if (effects.some((effect) => effect.does === 'reset')) {
      log(0);
      request.socket.resetAndDestroy();
      return;
    }
    const reply = this.#reply(call, effects);
    for (const effect of effects)
      if (effect.does === 'slow')
        await new Promise((resolve) => setTimeout(resolve, effect.milliseconds).unref());
    if (effects.some((effect) => effect.does === 'reset-after')) {
      log(0);
      request.socket.resetAndDestroy();
      return;
    }
    log(reply.status);
    this.#write(call, reply, effects, response);
  }

  #read(request: IncomingMessage, body: Buffer): Call {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const search = mark < 0 ? '' : url.slice(mark);
    return {
      service: this.front.name,
      method: request.method ?? 'GET',
      path: mark < 0 ? url : url.slice(0, mark),
      query: new URLSearchParams(search),
      search,
      headers: request.headers,
      body,
      requestId: `req-${randomUUID()}`,
      base: this.base,
      params: {},
      token: undefined,
      endless: false,
      unfiltered: false,
    };
  }

  #reply(call: Call, effects: readonly Effect[]): Reply {
    const refusal = effects.find((effect) => effect.does === 'answer');
    if (refusal) {
      const retry =
        refusal.retryAfter === undefined
          ? {}
          : { headers: { 'Retry-After': String(refusal.retryAfter) } };
      return this.front.refuse(
        new Refusal(refusal.status, refusal.message ?? 'An injected fault.', {
          type: 'Injected',
          ...retry,
        }),
        call,
      );
    }
    changeCall(call, effects);
    try {
      return changeReply(this.front.handle(call), effects);
    } catch (error) {
      if (error instanceof Refusal) return this.front.refuse(error, call);
      // The test must see a defect of the rehearsal cloud itself. It must not look like a 500 of
      // the service.
      process.stderr.write(
        `rehearsal cloud, ${call.service} ${call.method} ${call.path}: ${error instanceof Error ? error.stack : error}\n`,
      );
      return this.front.refuse(new Refusal(500, 'The rehearsal cloud failed.'), call);
    }
  }

  #write(call: Call, reply: Reply, effects: readonly Effect[], response: ServerResponse): void {
    const text = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json));
    const type = reply.json === undefined ? {} : { 'Content-Type': 'application/json' };
    const bytes = Buffer.from(text);
    const half = bytes.subarray(0, bytes.length >> 1);
    const cutConnection = effects.some((effect) => effect.does === 'cut-connection');
    const sent =
      effects.some((effect) => effect.does === 'cut-body') || cutConnection ? half : bytes;
    response.writeHead(reply.status, {
      ...type,
      ...this.front.headers(call, reply),
      ...reply.headers,
      ...(reply.status !== 204 && {
        'Content-Length': String(cutConnection ? bytes.length : sent.length),
      }),
    });
    if (call.method === 'HEAD' || reply.status === 204) response.end();
    else if (cutConnection) response.write(sent, () => response.destroy());
    else response.end(sent);
  }
}
