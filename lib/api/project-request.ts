import { ProjectId } from '../../events/ids.ts';
import { type EffectiveState, fetchProjectState } from '../handlers/project-state.ts';
import type { ProjectScope } from '../operation/model.ts';
import { projectScope } from '../operation/scope.ts';
import type { ApiDeps } from './deps.ts';
import { problemBody } from './problem.ts';

/** A project that Keystone shows: its facts, and the causes that suspend it. */
export type PresentProject = Extract<EffectiveState, { kind: 'present' }>;

/**
 * Returns whether Keystone shows the project, with its facts and the causes that suspend it. Throws
 * if Keystone gives no certain answer.
 */
export const readProjectState = (
  id: ProjectId,
  { cloud, engine }: Pick<ApiDeps, 'cloud' | 'engine'>,
): Promise<EffectiveState> =>
  fetchProjectState(id, { keystone: cloud.keystone, reads: engine.reads });

/** Returns why Keystone shows no project with the requested id. */
export const whyNotPresent = (state: Exclude<EffectiveState, PresentProject>): string =>
  state.kind === 'absent'
    ? 'Keystone has no project with this id'
    : `Keystone returned the id ${state.id}; use this spelling`;

/** Returns the scope of an operation about the project. */
export const scopeOfProject = ({ facts }: PresentProject): ProjectScope => {
  const { id, name, domainId } = facts;
  const account = { type: 'project' as const, id: ProjectId.parse(id), name };
  return projectScope(
    { ...account, domainId: domainId as Parameters<typeof projectScope>[0]['domainId'] },
    undefined,
  );
};

/**
 * Returns the input that opens an operation for an administrator's request. This function
 * does not check whether the project is protected.
 */
export async function operationInputOf<
  Request extends { readonly by: string; readonly reason: string },
>(
  action: string,
  scope: ProjectScope,
  request: Request,
  { engine, mode, now: clock }: Pick<ApiDeps, 'engine' | 'mode' | 'now'>,
) {
  const now = clock();
  return {
    scope,
    cause: {
      messageId: `${action}/${scope.id}/${now}`,
      eventType: 'requested',
      at: now,
      note: `${request.by}: ${request.reason}`,
    },
    allOperations: await engine.reads.operationsAbout('project', scope.id),
    mode,
    now,
    protectedBecause: undefined,
    request,
  };
}

/** The answer 409 if the project changed after the route read it. */
export const PROJECT_CHANGED_PROBLEM = problemBody(
  'conflict',
  'the project was changed at the same moment; try again',
);
