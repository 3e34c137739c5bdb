import type { ResourceTypeName } from '../../events/ids.ts';
import { buildPath } from '../../lib/openstack/url.ts';
import type { ProjectContext, RequestOptions, ServiceApi } from '../../lib/task/service.ts';

type Method = Parameters<ServiceApi['request']>[0];

interface Call {
  readonly service: string;
  readonly isOnProject: boolean;
  readonly method: Method;
  /** The path as sent, with the prefix of the endpoint and the query. */
  readonly path: string;
  readonly options: RequestOptions;
}

/**
 * Parameters of pages and of the selection of fields: every listing has them, so the docs omit
 * them.
 */
const OMITTED = ['limit', 'marker', 'offset', 'version_marker', 'fields'];

/** The part of a path after one of these words is a name, not an id. */
const BEFORE_NAMES = [
  'stacks',
  'workbooks',
  'environments',
  'queues',
  'topics',
  'namespaces',
  'os-keypairs',
];

/** Records the calls that each resource type makes, first to list and then to remove. */
export class Recorder {
  readonly #calls = new Map<string, Call[]>();
  /** The known ids of resources, which may have any form. */
  readonly #resourceIds = new Set<string>();
  readonly #placeholders: ReadonlyMap<string, string>;
  #currentCalls: Call[] = [];

  /** `placeholders`: by id, its placeholder on a page. For example, the project is `{project}`. */
  constructor(placeholders: ReadonlyMap<string, string>) {
    this.#placeholders = placeholders;
  }

  /** Attributes the following calls to this resource type. */
  attributeTo(resourceType: ResourceTypeName, purpose: 'list' | 'remove'): void {
    const key = `${resourceType} ${purpose}`;
    this.#currentCalls = this.#calls.get(key) ?? [];
    this.#calls.set(key, this.#currentCalls);
  }

  /** Adds ids of resources in the form of the service file. Some of them are names. */
  addIds(ids: readonly string[]): void {
    for (const id of ids)
      for (const part of id.split(/[/?]/)) if (part !== '') this.#resourceIds.add(part);
  }

  /** Returns the API. The recorder records each call to it. */
  wrap(api: ServiceApi, isOnProject = false): ServiceApi {
    const endpointUrl = new URL(api.endpoint);
    const record = (method: Method, path: string, options: RequestOptions = {}): void => {
      const sent = buildPath(endpointUrl, options.endpoint ?? api.endpoint, path, options.query);
      this.#currentCalls.push({ service: api.service, isOnProject, method, path: sent, options });
    };
    return {
      ...api,
      request(method, path, options) {
        record(method, path, options);
        return api.request(method, path, options);
      },
      list(path, options) {
        record('GET', path, options);
        return api.list(path, options);
      },
    };
  }

  wrapContext(context: ProjectContext): ProjectContext {
    return {
      ...context,
      api: this.wrap(context.api),
      projectApi: context.projectApi && this.wrap(context.projectApi, true),
      apiOf: async (service) => {
        const otherApi = await context.apiOf(service);
        return otherApi && this.wrap(otherApi);
      },
    };
  }

  /**
   * Returns the calls of a resource type as texts that are the same in every run. Each text is
   * contained once. Listings come first, and deletions last.
   */
  textsOf(resourceType: ResourceTypeName, purpose: 'list' | 'remove', service: string): string[] {
    const calls = this.#calls.get(`${resourceType} ${purpose}`) ?? [];
    const order = ['HEAD', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
    const texts = calls.map((call) => ({ call, text: this.#callText(call, service) }));
    texts.sort(
      (a, b) =>
        order.indexOf(a.call.method) - order.indexOf(b.call.method) || (a.text < b.text ? -1 : 1),
    );
    return [...new Set(texts.map(({ text }) => text))];
  }

  #callText(call: Call, service: string): string {
    const [path = '', query = ''] = call.path.split('?');
    const serviceMark = call.service === service ? '' : `   # ${call.service}`;
    const tokenMark = call.isOnProject ? '   # token on the project' : '';
    const url = `${this.#path(path, call.service)}${this.#query(query)}`;
    const sent = `${this.#headers(call.options)}${this.#body(call.options)}`;
    return `${call.method.padEnd(6)} ${url}${sent}${serviceMark}${tokenMark}`;
  }

  #path(path: string, service: string): string {
    const segments = path.split('/').map(decodeURIComponent);
    // In a path of Swift, everything after the account is a name that a customer chose.
    const account =
      service === 'swift' ? segments.findIndex((segment) => segment.startsWith('AUTH_')) : -1;
    if (account >= 0) {
      const names = segments.slice(account + 1);
      const namePlaceholders = [
        ...(names.length > 0 ? ['{container}'] : []),
        ...(names.length > 1 ? ['{object}'] : []),
      ];
      return [
        ...segments.slice(0, account + 1).map((segment) => this.#ids(segment)),
        ...namePlaceholders,
      ].join('/');
    }
    const withoutIds = (segment: string): string =>
      this.#resourceIds.has(segment) ? this.#id(segment) : this.#ids(segment);
    return segments
      .map((segment, index) =>
        BEFORE_NAMES.includes(segments[index - 1] ?? '') ? '{name}' : withoutIds(segment),
      )
      .join('/');
  }

  #query(query: string): string {
    const parameters = [...new URLSearchParams(query)]
      .filter(([name]) => !OMITTED.includes(name))
      .map(([name, value]) => `${name}${value === '' ? '' : `=${this.#value(name, value)}`}`);
    return parameters.length === 0 ? '' : `?${[...new Set(parameters)].join('&')}`;
  }

  #value(name: string, value: string): string {
    if (/^\d+\.\d+$/.test(value)) return '{version}';
    if (name === 'namespace') return '{name}';
    return this.#resourceIds.has(value) ? this.#id(value) : this.#ids(value);
  }

  #headers({ headers = {} }: RequestOptions): string {
    const ownHeaders = Object.entries(headers).filter(
      ([name]) => !/^(accept|content-type)$/i.test(name),
    );
    return ownHeaders.map(([name, value]) => `  ${name}: ${this.#ids(value)}`).join('');
  }

  #body({ json, body }: RequestOptions): string {
    if (json === undefined && body === undefined) return '';
    const value: unknown = json ?? parsed(body);
    if (value === undefined) return '  (names, one per line)';
    const text = JSON.stringify(value, (key, field: unknown) => this.#bodyField(key, field));
    return `  ${text.length > 140 ? `${text.slice(0, 139)}…` : text}`;
  }

  /** Returns a field of a body with placeholders. A list of texts is cut after its first text. */
  #bodyField(key: string, field: unknown): unknown {
    if (typeof field === 'string' && this.#resourceIds.has(field))
      return ['name', 'namespace'].includes(key) ? '{name}' : this.#id(field);
    if (typeof field === 'string') return this.#ids(field);
    if (Array.isArray(field) && field.length > 1 && field.every((item) => typeof item === 'string'))
      return [field[0], '…'];
    return field;
  }

  /** Returns the placeholder of a resource's id: its own, or else `{id}`. */
  #id(text: string): string {
    const ids = this.#ids(text);
    return /^\{[^{}]+\}$/.test(ids) ? ids : '{id}';
  }

  /** Replaces the ids in a text by placeholders. */
  #ids(text: string): string {
    let replaced = text;
    for (const [id, placeholder] of this.#placeholders)
      replaced = replaced.replaceAll(id, placeholder);
    return replaced.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b/g, '{id}');
  }
}

function parsed(body: string | undefined): unknown {
  try {
    return JSON.parse(body ?? '');
  } catch {
    return undefined;
  }
}
