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

/** The part of a path after one of these words is a name and no id. */
const NAMING = [
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
  readonly #names = new Set<string>();
  readonly #known: ReadonlyMap<string, string>;
  #now: Call[] = [];

  /** `known`: ids with their own placeholder on a page. The id of the project is `{project}`. */
  constructor(known: ReadonlyMap<string, string>) {
    this.#known = known;
  }

  /** Attributes the following calls to this resource type. */
  about(resourceType: ResourceTypeName, what: 'list' | 'remove'): void {
    const key = `${resourceType} ${what}`;
    this.#now = this.#calls.get(key) ?? [];
    this.#calls.set(key, this.#now);
  }

  /** Adds ids of resources in the form of the service file. Some are names. */
  learn(ids: readonly string[]): void {
    for (const id of ids)
      for (const part of id.split(/[/?]/)) if (part !== '') this.#names.add(part);
  }

  /** Returns the API with a record of each call. */
  wrap(api: ServiceApi, isOnProject = false): ServiceApi {
    const home = new URL(api.endpoint);
    const note = (method: Method, path: string, options: RequestOptions = {}): void => {
      const sent = buildPath(home, options.endpoint ?? api.endpoint, path, options.query);
      this.#now.push({ service: api.service, isOnProject, method, path: sent, options });
    };
    return {
      ...api,
      request(method, path, options) {
        note(method, path, options);
        return api.request(method, path, options);
      },
      list(path, options) {
        note('GET', path, options);
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
        const found = await context.apiOf(service);
        return found && this.wrap(found);
      },
    };
  }

  /**
   * Returns the calls of a resource type as texts that are the same in every run, each once; listings
   * first, deletions last.
   */
  textsOf(resourceType: ResourceTypeName, what: 'list' | 'remove', service: string): string[] {
    const calls = this.#calls.get(`${resourceType} ${what}`) ?? [];
    const order = ['HEAD', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
    const texts = calls.map((call) => ({ call, words: this.#words(call, service) }));
    texts.sort(
      (a, b) =>
        order.indexOf(a.call.method) - order.indexOf(b.call.method) || (a.words < b.words ? -1 : 1),
    );
    return [...new Set(texts.map(({ words }) => words))];
  }

  #words(call: Call, service: string): string {
    const [path = '', query = ''] = call.path.split('?');
    const whose = call.service === service ? '' : `   # ${call.service}`;
    const as = call.isOnProject ? '   # token on the project' : '';
    const asked = `${call.method.padEnd(6)} ${this.#path(path, call.service)}${this.#query(query)}`;
    return `${asked}${this.#headers(call.options)}${this.#body(call.options)}${whose}${as}`;
  }

  #path(path: string, service: string): string {
    const segments = path.split('/').map(decodeURIComponent);
    // In a path of Swift, everything after the account is a name that a customer chose.
    const account =
      service === 'swift' ? segments.findIndex((segment) => segment.startsWith('AUTH_')) : -1;
    if (account >= 0) {
      const names = segments.slice(account + 1);
      const shown = [
        ...(names.length > 0 ? ['{container}'] : []),
        ...(names.length > 1 ? ['{object}'] : []),
      ];
      return [
        ...segments.slice(0, account + 1).map((segment) => this.#ids(segment)),
        ...shown,
      ].join('/');
    }
    const known = (segment: string): string =>
      this.#names.has(segment) ? this.#id(segment) : this.#ids(segment);
    return segments
      .map((segment, index) =>
        NAMING.includes(segments[index - 1] ?? '') ? '{name}' : known(segment),
      )
      .join('/');
  }

  #query(query: string): string {
    const shown = [...new URLSearchParams(query)]
      .filter(([name]) => !OMITTED.includes(name))
      .map(([name, value]) => `${name}${value === '' ? '' : `=${this.#value(name, value)}`}`);
    return shown.length === 0 ? '' : `?${[...new Set(shown)].join('&')}`;
  }

  #value(name: string, value: string): string {
    if (/^\d+\.\d+$/.test(value)) return '{version}';
    if (name === 'namespace') return '{name}';
    return this.#names.has(value) ? this.#id(value) : this.#ids(value);
  }

  #headers({ headers = {} }: RequestOptions): string {
    const shown = Object.entries(headers).filter(
      ([name]) => !/^(accept|content-type)$/i.test(name),
    );
    return shown.map(([name, value]) => `  ${name}: ${this.#ids(value)}`).join('');
  }

  #body({ json, body }: RequestOptions): string {
    if (json === undefined && body === undefined) return '';
    const value: unknown = json ?? parsed(body);
    if (value === undefined) return '  (names, one per line)';
    const text = JSON.stringify(value, (key, part: unknown) => this.#part(key, part));
    return `  ${text.length > 140 ? `${text.slice(0, 139)}…` : text}`;
  }

  /** Shortens a list of texts to its first element. */
  #part(key: string, part: unknown): unknown {
    if (typeof part === 'string' && this.#names.has(part))
      return ['name', 'namespace'].includes(key) ? '{name}' : this.#id(part);
    if (typeof part === 'string') return this.#ids(part);
    if (Array.isArray(part) && part.length > 1 && part.every((item) => typeof item === 'string'))
      return [part[0], '…'];
    return part;
  }

  /** Replaces an id. Uses its placeholder if it has one. */
  #id(text: string): string {
    const ids = this.#ids(text);
    return /^\{[^{}]+\}$/.test(ids) ? ids : '{id}';
  }

  #ids(text: string): string {
    let replaced = text;
    for (const [id, word] of this.#known) replaced = replaced.replaceAll(id, word);
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
