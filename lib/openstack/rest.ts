import type { LimitFunction } from 'p-limit';
import type * as z from 'zod';
import type { Answer, ListOptions, RequestOptions, ServiceApi } from '../cleanup/service.ts';
import { answerFailure, httpFailure, requestIdOf, retryAfterSeconds, transportFailure, type Where } from './failure.ts';
import { type Page, PagingError, pageOf, STYLES } from './paging.ts';
import { parseJson, type Session, type Token } from './session.ts';
import { type Method, type RawAnswer, type Transport, TransportError } from './transport.ts';

/** One call as metrics see it: no ids, no names, no query. `status` is `undefined` when no answer came. */
export interface Call {
  readonly service: string;
  readonly region: string | undefined;
  readonly method: Method;
  /** `/servers/{id}/action`. */
  readonly path: string;
  readonly status: number | undefined;
  readonly millis: number;
}

export interface RestOptions {
  readonly service: string;
  readonly region: string;
  /** Without a trailing slash. */
  readonly endpoint: string;
  readonly ownProject: string;
  /** `compute 2.93`, sent as `OpenStack-API-Version`. */
  readonly apiVersion: string | undefined;
  readonly session: Session;
  readonly transport: Transport;
  readonly limit: LimitFunction;
  readonly userAgent: string;
  readonly now: () => number;
  readonly sleep: (seconds: number) => Promise<void>;
  readonly onCall: ((call: Call) => void) | undefined;
}

/** A wait that long is obeyed within the call; a longer one is the queue's business. */
const LONGEST_WAIT_SECONDS = 5;
const MOST_WAITS = 2;
/** A million rows at 100 a page. */
const MOST_PAGES = 10_000;
const PAGE_ROWS = 1000;
const REPEATABLE: readonly Method[] = ['GET', 'HEAD', 'PUT', 'DELETE'];

/** The REST API of one service in one region, over a session and a transport that are shared by all. */
export function createRest(options: RestOptions): ServiceApi {
  const { service, region, session, transport, now } = options;
  const home = new URL(options.endpoint);
  const where: Where = { service, region, host: home.host };

  const send = async (token: Token, method: Method, url: { origin: string; path: string }, call: string, request: RequestOptions) => {
    const startedAt = now();
    let status: number | undefined;
    try {
      const answer = await transport.send({
        method,
        ...url,
        headers: {
          accept: 'application/json',
          ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(options.apiVersion === undefined ? {} : { 'openstack-api-version': options.apiVersion }),
          ...request.headers,
          'user-agent': options.userAgent,
          'x-auth-token': token.value(),
        },
        body: request.json === undefined ? request.body : JSON.stringify(request.json),
      });
      status = answer.status;
      return answer;
    } catch (error) {
      throw error instanceof TransportError ? transportFailure(error, call, where) : error;
    } finally {
      options.onCall?.({ service, region, method, path: call.slice(method.length + 1), status, millis: now() - startedAt });
    }
  };

  const exchange = async (method: Method, path: string, request: RequestOptions): Promise<Answer> => {
    const url = locate(home, request.endpoint ?? options.endpoint, path, request.query);
    const call = `${method} ${withoutNames(service, path)}`;
    let token = await session.token();
    let loggedInAnew = false;
    for (let waits = 0; ; ) {
      const answer = await send(token, method, url, call, request);
      if (isAccepted(answer.status, request.accept)) return answerOf(answer, method, call, where);
      if (answer.status === 401 && !loggedInAnew) {
        loggedInAnew = true;
        token = await session.replace(token);
        continue;
      }
      const wait = retryAfterSeconds(answer.headers, now());
      // 429: it was not carried out. 503: it may have been, so that only what may be repeated is.
      const patient = answer.status === 429 || (answer.status === 503 && REPEATABLE.includes(method));
      if (patient && wait !== undefined && wait <= LONGEST_WAIT_SECONDS && waits < MOST_WAITS) {
        waits += 1;
        await options.sleep(wait);
        continue;
      }
      throw httpFailure(answer, call, { ...where, secrets: [token.value()] }, now());
    }
  };

  const list = async <S extends z.ZodType>(path: string, asked: ListOptions<S>): Promise<{ rows: z.infer<S>[]; more: boolean }> => {
    const { collection, row, paging, limit = PAGE_ROWS, atMost, ...request } = asked;
    const first = {
      ...(paging === 'none' ? {} : { limit }),
      ...(paging === 'swift' ? { format: 'json' } : {}),
      ...(paging === 'offset' ? { offset: 0 } : {}),
      ...request.query,
    };
    const rows: z.infer<S>[] = [];
    const visited = new Set<string>();
    let query: NonNullable<RequestOptions['query']> = first;
    for (let seen = 0; ; ) {
      const answer = await options.limit(exchange, 'GET', path, { ...request, query });
      try {
        const page: Page = pageOf(answer.json, collection);
        for (const one of page.rows) rows.push(checked(row, one));
        seen += page.rows.length;
        const next = STYLES[paging](page, collection, seen);
        if (!next) return { rows, more: false };
        if (atMost !== undefined && rows.length >= atMost) return { rows, more: true };
        query = { ...first, ...next };
        const place = JSON.stringify(next);
        if (visited.has(place)) throw new PagingError('its pages go round in a circle');
        if (visited.size >= MOST_PAGES) throw new PagingError(`its listing has more than ${MOST_PAGES} pages`);
        visited.add(place);
      } catch (error) {
        if (!(error instanceof PagingError)) throw error;
        const endless = /circle|more than/.test(error.message);
        const message = `${error.message} (GET ${withoutNames(service, path)})`;
        throw answerFailure({ code: endless ? 'endless' : 'unexpected', message }, where, answer.requestId);
      }
    }
  };

  return {
    service,
    region,
    endpoint: options.endpoint,
    ownProject: options.ownProject,
    request: (method, path, request = {}) => options.limit(exchange, method, path, request),
    list,
  };
}

const isAccepted = (status: number, accept: readonly number[] | undefined): boolean =>
  (status >= 200 && status < 300) || (accept?.includes(status) ?? false);

function answerOf(answer: RawAnswer, method: Method, call: string, where: Where): Answer {
  const requestId = requestIdOf(answer.headers);
  const isJson = /\bjson\b/i.test(answer.headers.get('content-type') ?? '') && answer.text !== '' && method !== 'HEAD';
  const json = isJson ? parseJson(answer.text) : undefined;
  if (isJson && json === undefined)
    throw answerFailure({ code: 'broken', message: `half an answer: its JSON is broken (${call})` }, where, requestId);
  return { status: answer.status, headers: answer.headers, json, requestId };
}

function checked<S extends z.ZodType>(row: S, value: unknown): z.infer<S> {
  const parsed = row.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new PagingError(`a row is not as documented: ${issue?.path.map(String).join('.') || 'the row'}: ${issue?.message ?? 'refused'}`);
}

const VERSION = /^v\d+(\.\d+)?$/;

/**
 * Origin and path of a call. A version that both the endpoint and the path name is taken once, the path's:
 * catalogs have Neutron as `http://host:9696`, as `…/networking` and as `…/v2.0`.
 */
function locate(home: URL, endpoint: string, path: string, query: RequestOptions['query']): { origin: string; path: string } {
  const base = new URL(endpoint);
  if (base.origin !== home.origin) throw new TypeError(`a call of ${home.host} must not go to ${base.host}: the token goes along`);
  const segments = base.pathname.replace(/\/+$/, '').split('/');
  if (VERSION.test(segments.at(-1) ?? '') && VERSION.test(path.split(/[/?]/)[1] ?? '')) segments.pop();
  const parameters = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`],
  );
  const whole = `${segments.join('/')}${path}`;
  const search = parameters.length === 0 ? '' : `${whole.includes('?') ? '&' : '?'}${parameters.join('&')}`;
  return { origin: home.origin, path: `${whole || '/'}${search}` };
}

/** A path for metrics and messages: ids and names are cut out. Everything in Swift's paths is a customer's name. */
function withoutNames(service: string, path: string): string {
  const bare = path.split('?')[0] ?? '';
  return bare
    .split('/')
    .map((segment, index) =>
      segment === '' || VERSION.test(segment) || (service !== 'swift' && /^[a-z][a-z_-]*$/i.test(segment) && index < 6) ? segment : '{id}',
    )
    .join('/');
}
