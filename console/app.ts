import { Api } from './api.ts';
import { type Child, h } from './element.ts';
import { type Connection, followOperation, type LiveDeps, poll } from './live.ts';
import { overviewLoader } from './load-overview.ts';
import { listAddress, READ_LIMITS } from './operations.ts';
import { type Sample, withSample } from './pace.ts';
import { deadLettersPage } from './page-dead-letters.ts';
import { holdsPage } from './page-holds.ts';
import { type Details, loadDetails, operationPage } from './page-operation.ts';
import { loadOperations, operationsPage } from './page-operations.ts';
import { overviewPage } from './page-overview.ts';
import { servicesPage } from './page-services.ts';
import { patch } from './patch.ts';
import { type Route, routeOf } from './routes.ts';
import { deadLettersShape, holdsShape, type Operation, servicesShape } from './shapes.ts';
import { errorPage, header, loadingPage, loginPage, unknownPage } from './shell.ts';

/** The functions of a browser that the console uses. */
export interface Browser {
  readonly document: Document;
  fetch(path: string, init: RequestInit): Promise<Response>;
  /** A signal that aborts after `millis`. */
  timeout(millis: number): AbortSignal;
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `millis`, or immediately when the signal aborts. */
  sleep(millis: number, signal: AbortSignal): Promise<void>;
  hash(): string;
  setHash(hash: string): void;
  /** The token of this tab. */
  token(): string | undefined;
  /** Stores the token of this tab. `undefined` removes it. */
  setToken(token: string | undefined): void;
  /** True if the connection is encrypted or stays on this machine. */
  readonly isSafe: boolean;
  /** Copies a text. Resolves to false if the browser does not permit it. */
  copy(text: string): Promise<boolean>;
}

/** The intervals between two reads of a page. */
const SHORT_POLL_MILLIS = 5000;
const LONG_POLL_MILLIS = 30_000;

/**
 * The console of one tab. {@link open} is called at the start and after each change of the address.
 */
export class Console {
  readonly #browser: Browser;
  readonly #api: Api;
  /** Aborted when another page is opened. */
  #opened = new AbortController();
  #route: Route = { page: 'overview' };
  #address = '';
  #connection: Connection | undefined;
  #view: ((now: number) => Child[]) | undefined;

  constructor(browser: Browser) {
    this.#browser = browser;
    this.#api = new Api({
      fetch: (path, init) => browser.fetch(path, init),
      timeout: (millis) => browser.timeout(millis),
      token: () => browser.token(),
      now: () => browser.now(),
    });
  }

  /** Shows the page of the current address, and updates it until another page is opened. */
  async open(): Promise<void> {
    this.#opened.abort();
    this.#opened = new AbortController();
    this.#address = this.#browser.hash();
    this.#route = routeOf(this.#address);
    [this.#connection, this.#view] = [undefined, undefined];
    this.render();
    await this.#follow(this.#route, this.#opened.signal);
  }

  close(): void {
    this.#opened.abort();
  }

  /** Draws the page. Called after a change, and each second because the shown ages grow. */
  render(): void {
    const { document } = this.#browser;
    const now = this.#api.now();
    const head = document.getElementById('header');
    const main = document.getElementById('main');
    if (!head || !main) return;
    const tab = {
      hasToken: this.#browser.token() !== undefined,
      hasData: this.#view !== undefined,
    };
    patch(head, header(this.#route, this.#connection, now, tab));
    // The key makes each page a new element, so that no part of the previous page stays.
    patch(main, [
      h('div', { class: 'page', 'data-key': `page ${this.#address}` }, this.#body(now)),
    ]);
    const title = main.querySelector('h1')?.textContent ?? '';
    document.title = title === '' ? 'keystone-propagator' : `${title} · keystone-propagator`;
  }

  /** Copies a command, and shows the result. */
  async copy(line: string): Promise<void> {
    const isCopied = await this.#browser.copy(line);
    this.#notify(
      isCopied ? 'Copied.' : 'The browser does not permit copying. Select the command instead.',
    );
  }

  async logIn(token: string): Promise<void> {
    // A header can contain only these characters.
    if (!/^[\x21-\x7e]{1,8192}$/.test(token.trim())) {
      this.#notify(
        'This text is not a token: it is empty, or it has characters that no token has.',
      );
      return;
    }
    this.#browser.setToken(token.trim());
    await this.open();
  }

  async logOut(): Promise<void> {
    this.#browser.setToken(undefined);
    await this.open();
    this.#notify('You are logged out. The token is no longer in this tab.');
  }

  /** Opens the list of operations at its first page, with the filters of the form. */
  filter(fields: Readonly<Record<string, string>>): void {
    const { state = '', action = '', domain = '', text = '' } = fields;
    const route = this.#route;
    const limit = route.page === 'operations' ? route.filters.limit : READ_LIMITS.initial;
    const trimmed = { domain: domain.trim(), text: text.trim() };
    this.#browser.setHash(listAddress({ state, action, ...trimmed, limit }));
  }

  #notify(text: string): void {
    const notice = this.#browser.document.getElementById('notice');
    if (notice) notice.textContent = text;
  }

  #body(now: number): Child[] {
    const { page } = this.#route;
    if (page === 'unknown') return unknownPage();
    const connection = this.#connection;
    if (connection?.kind === 'stopped' && connection.error.kind === 'token') {
      const hadToken = this.#browser.token() !== undefined;
      return loginPage(hadToken ? connection.error.message : undefined, this.#browser.isSafe);
    }
    const error =
      connection?.kind === 'stopped' || (connection?.kind === 'lost' && !this.#view)
        ? connection.error
        : undefined;
    if (error) return errorPage(error);
    return this.#view ? this.#view(now) : loadingPage();
  }

  async #follow(route: Route, signal: AbortSignal): Promise<void> {
    const pollPage = <T>(
      load: () => Promise<T>,
      view: (data: T, now: number) => Child[],
      everyMillis = SHORT_POLL_MILLIS,
    ) => poll(load, everyMillis, this.#deps(signal, view), signal);
    const api = this.#api;
    if (route.page === 'overview') {
      const load = overviewLoader(api);
      return pollPage(() => load(signal), overviewPage);
    }
    if (route.page === 'operations')
      return pollPage(
        () => loadOperations(api, route.filters, signal),
        (data, now) => operationsPage(data, route.filters, now),
        route.filters.limit > READ_LIMITS.initial ? LONG_POLL_MILLIS : SHORT_POLL_MILLIS,
      );
    if (route.page === 'dead-letters')
      return pollPage(
        () => api.get('/v1/dead-letters', deadLettersShape, signal),
        deadLettersPage,
        LONG_POLL_MILLIS,
      );
    if (route.page === 'holds')
      return pollPage(() => api.get('/v1/holds', holdsShape, signal), holdsPage);
    if (route.page === 'services')
      return pollPage(
        () => api.get('/v1/services', servicesShape, signal),
        servicesPage,
        LONG_POLL_MILLIS,
      );
    if (route.page === 'operation') return this.#followOperation(route.id, signal);
  }

  /** Follows the stream of an operation. Reads its decisions and its plan every 10 s. */
  async #followOperation(id: string, signal: AbortSignal): Promise<void> {
    let details: Details | undefined;
    let latest: Operation | undefined;
    let samples: Sample[] = [];
    const view = (data: Operation, now: number) => operationPage(data, details, samples, now);
    const deps = this.#deps(signal, view);
    const pollDetails = (first: Operation) =>
      poll(
        () => loadDetails(this.#api, latest ?? first, signal, details),
        2 * SHORT_POLL_MILLIS,
        {
          ...deps,
          onData: (read) => {
            details = read;
            this.render();
          },
          // The header shows the connection of the stream, not of these reads.
          onConnection: () => undefined,
        },
        signal,
      );
    let detailsPoll: Promise<void> | undefined;
    await followOperation(
      id,
      {
        ...deps,
        onData: (state) => {
          latest = state;
          samples = withSample(samples, {
            at: this.#api.now(),
            removed: state.resources.removed,
          });
          deps.onData(state);
          detailsPoll ??= pollDetails(state);
        },
      },
      signal,
    );
    await detailsPoll;
  }

  #deps<T>(signal: AbortSignal, view: (data: T, now: number) => Child[]): LiveDeps<T> {
    const ifStillOpen = (step: () => void) => {
      // An answer for an earlier page is ignored.
      if (signal.aborted) return;
      step();
      this.render();
    };
    return {
      api: this.#api,
      sleep: (millis, aborted) => this.#browser.sleep(millis, aborted),
      onData: (data) =>
        ifStillOpen(() => {
          this.#view = (now) => view(data, now);
        }),
      onConnection: (connection) =>
        ifStillOpen(() => {
          this.#connection = connection;
        }),
    };
  }
}
