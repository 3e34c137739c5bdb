import { type Call, type Front, type Handler, Refusal, type Reply, Routes } from './http.ts';
import type { Project, User } from './rows.ts';
import type { CloudState } from './state.ts';
import { isAdmin, ownProject, type Token, tokenOf } from './tokens.ts';

/**
 * A service of the rehearsal cloud beyond the core, in one file of `documented/`. The option
 * `startCloud({ with: [it] })` adds it to a cloud.
 */
export interface Documented {
  /** The project's name, as in `lib/services`: `magnum`. */
  readonly name: string;
  /**
   * The type in Keystone's catalog, and the path below the server. `%(project_id)s` means the
   * project of the token.
   */
  readonly endpoint: { readonly type: string; readonly path: string };
  open(state: CloudState): DocumentedFront;
}

export interface DocumentedFront extends Front {
  /** Puts at least one of every resource type into the project, named alike in all projects. */
  seed(project: Project, user: User): void;
}

export interface ServiceShape {
  readonly name: string;
  readonly routes: Routes;
  /** Paths that are answered without a token, such as `/` and version documents. */
  readonly open?: Readonly<Record<string, (call: Call) => Reply>>;
  /** Default `{"error": {"code": …, "message": …}}`. */
  refuse?(refusal: Refusal, call: Call): Reply;
  /** True if a token without a project is accepted, too. */
  readonly systemScope?: boolean;
  headers?(call: Call, reply: Reply): Readonly<Record<string, string>>;
}

/** The checks of most services: first the token, then the route. Errors are JSON. */
export function createService(state: CloudState, shape: ServiceShape): Front {
  return {
    name: shape.name,
    handle(call) {
      const free = shape.open?.[call.path];
      if (free) return free(call);
      call.token = tokenOf(state, call.headers['x-auth-token']);
      if (!call.token) throw new Refusal(401, 'The request you have made requires authentication.');
      if (!shape.systemScope || !call.token.system) ownProject(call.token);
      const handler: Handler | undefined = shape.routes.find(call, call.path);
      if (!handler) throw new Refusal(404, 'The resource could not be found.');
      return handler(call);
    },
    refuse: (refusal, call) =>
      shape.refuse?.(refusal, call) ?? {
        status: refusal.status,
        headers: refusal.headers,
        json: { error: { code: refusal.status, title: 'Error', message: refusal.message } },
      },
    headers: (call, reply) => ({
      'x-openstack-request-id': call.requestId,
      ...shape.headers?.(call, reply),
    }),
  };
}

/**
 * True if a caller may see a row. An administrator sees all rows. Other users see the rows of their
 * project.
 */
export const maySee = (token: Token | undefined, owner: string): boolean =>
  isAdmin(token) || token?.projectId === owner;

/** Runs `end` after `milliseconds` of the cloud's clock, unless the deletion must never end. */
export function finishLater(
  state: CloudState,
  call: Call,
  milliseconds: number,
  end: () => void,
): void {
  if (!call.endless) state.clock.after(milliseconds, end);
}

export { Routes };
