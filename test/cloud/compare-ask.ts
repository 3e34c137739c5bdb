import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import type { Credentials } from '../../lib/openstack/credentials.ts';

/** The answer of a cloud to one call. */
export interface Observation {
  readonly call: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly json: unknown;
  readonly text: string;
}

export interface Question {
  readonly json?: unknown;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The call has a token on this project instead of the login's own. */
  readonly as?: string;
  /** True for a call that is not compared: cleanup or waiting. */
  readonly silent?: boolean;
}

/**
 * Sends one call. A path that starts with `/` is below the endpoint of the service, and one that
 * starts with `//` is below its host.
 */
export interface Ask {
  (service: string, method: string, path: string, question?: Question): Promise<Observation>;
  /** The id in an answer: the first `id` at its top level or one level below. */
  id(answer: Observation): string;
  /**
   * A new project in the default domain. The login has the role admin on it. It is deleted at the
   * end.
   */
  project(name: string): Promise<string>;
  /** Repeats the call until the answer is as expected. The calls are not compared. */
  until(wanted: (answer: Observation) => boolean, service: string, path: string): Promise<void>;
  readonly own: string;
  readonly user: string;
}

const types: Record<string, readonly string[]> = {
  identity: ['identity'],
  compute: ['compute'],
  storage: ['block-storage', 'volumev3'],
  network: ['network'],
  image: ['image'],
  object: ['object-store'],
  placement: ['placement'],
};
const versions = 'compute 2.90, volume 3.66, placement 1.38';

const login = z.object({
  token: z.object({
    project: z.object({ id: z.string() }),
    user: z.object({ id: z.string() }),
    catalog: z.array(
      z.object({
        type: z.string(),
        endpoints: z.array(z.object({ interface: z.string(), url: z.string() })),
      }),
    ),
  }),
});
const idRow = z.object({ id: z.string() });
const roles = z.object({ roles: z.array(z.object({ id: z.string(), name: z.string() })) });

export class Asker {
  readonly observations: Observation[] = [];
  readonly ask: Ask;
  readonly #credentials: Credentials;
  readonly #session: z.infer<typeof login>['token'];
  readonly #tokens = new Map<string, string>();
  readonly #projects: string[] = [];

  static async login(credentials: Credentials): Promise<Asker> {
    const { token, session } = await issue(credentials, credentials.scope);
    return new Asker(credentials, session, token);
  }

  private constructor(
    credentials: Credentials,
    session: z.infer<typeof login>['token'],
    token: string,
  ) {
    this.#credentials = credentials;
    this.#session = session;
    this.#tokens.set(session.project.id, token);
    const call = (...question: Parameters<Ask>) => this.#call(...question);
    this.ask = Object.assign(call, {
      own: session.project.id,
      user: session.user.id,
      id: (answer: Observation): string => idOf(answer),
      project: (name: string) => this.#project(name),
      until: async (
        wanted: (answer: Observation) => boolean,
        service: string,
        path: string,
      ): Promise<void> => {
        for (let tries = 0; tries < 150; tries++) {
          if (wanted(await this.#call(service, 'GET', path, { silent: true }))) return;
          await pause(200);
        }
        throw new Error(`${service} ${path} did not become what was expected`);
      },
    });
  }

  async #call(
    service: string,
    method: string,
    path: string,
    question: Question = {},
  ): Promise<Observation> {
    const project = question.as ?? this.#session.project.id;
    const entry = this.#session.catalog.find(({ type }) => types[service]?.includes(type));
    const endpoint =
      entry?.endpoints
        .find((each) => each.interface === 'public')
        ?.url.replace(this.#session.project.id, project) ?? '';
    const url = path.startsWith('//') ? new URL(endpoint).origin + path.slice(1) : endpoint + path;
    const headers = {
      'X-Auth-Token': await this.#token(project),
      'OpenStack-API-Version': versions,
      ...(question.json !== undefined && { 'Content-Type': 'application/json' }),
      ...question.headers,
    };
    const body = question.json === undefined ? question.body : JSON.stringify(question.json);
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    const answer = {
      call: `${service} ${method} ${path}`,
      status: response.status,
      headers: Object.fromEntries(response.headers),
      json: parse(text),
      text,
    };
    if (!question.silent) this.observations.push(answer);
    return answer;
  }

  async #token(project: string): Promise<string> {
    const known = this.#tokens.get(project);
    if (known !== undefined) return known;
    const { token } = await issue(this.#credentials, { project: { id: project } });
    this.#tokens.set(project, token);
    return token;
  }

  async #project(name: string): Promise<string> {
    const made = await this.#call('identity', 'POST', '/projects', {
      silent: true,
      json: { project: { name: `fake-compare-${name}-${Date.now()}`, domain_id: 'default' } },
    });
    const id = idOf(made);
    this.#projects.push(id);
    const listed = roles.parse(
      (await this.#call('identity', 'GET', '/roles', { silent: true })).json,
    ).roles;
    const admin = listed.find((role) => role.name === 'admin');
    await this.#call(
      'identity',
      'PUT',
      `/projects/${id}/users/${this.#session.user.id}/roles/${admin?.id}`,
      { silent: true },
    );
    return id;
  }

  async housekeeping(): Promise<void> {
    for (const id of this.#projects)
      await this.#call('identity', 'DELETE', `/projects/${id}`, { silent: true });
  }
}

async function issue(credentials: Credentials, scope: unknown) {
  const body = JSON.stringify({
    auth: { identity: credentials.identity(), ...(scope !== undefined && { scope }) },
  });
  const response = await fetch(`${credentials.authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  if (!response.ok) throw new Error(`login: ${response.status}`);
  return {
    token: response.headers.get('x-subject-token') ?? '',
    session: login.parse(await response.json()).token,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function idOf(answer: Observation): string {
  const direct =
    idRow.safeParse(answer.json).data ??
    Object.values(z.record(z.string(), z.unknown()).parse(answer.json)).flatMap(
      (value) => idRow.safeParse(value).data ?? [],
    )[0];
  if (!direct) throw new Error(`${answer.call}: ${answer.status} ${answer.text.slice(0, 200)}`);
  return direct.id;
}
