import type { Context, Hono } from 'hono';
import * as z from 'zod';
import { ProjectId } from '../../events/ids.ts';
import { describeCauses } from '../account/causes.ts';
import { lifecycleStep } from '../handlers/lifecycle.ts';
import { desiredState } from '../handlers/provision.ts';
import { compareProject } from '../handlers/provision-compare.ts';
import { provisionedProjects } from '../handlers/provision-store.ts';
import { openProvision } from '../operation/provision.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { auditRecord } from './audit.ts';
import { callerOf } from './authentication.ts';
import { readJson, reasonText, refusedCallerName } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { problemBody } from './problem.ts';
import {
  CHANGED_PROBLEM,
  notThere,
  type PresentProject,
  projectState,
  requestedInput,
  scopeOf,
} from './project-request.ts';

export const ProfileQuery = z.object({ profile: z.string().min(1).max(255).optional() });
export const ProvisionRequest = z.strictObject({
  reason: reasonText,
  by: refusedCallerName,
  ...ProfileQuery.shape,
  reconcile: z.boolean().optional(),
});

/** Routes that provision a project, and that compare projects with their profile. */
export function provisionRoutes(app: Hono, deps: ApiDeps): void {
  const { engine } = deps;
  const findProject = async (context: Context) =>
    projectState(ProjectId.parse(context.req.param('id')), deps);
  /** Returns `undefined` if neither the caller nor the policy names a profile. */
  const compare = async (state: PresentProject, profile: string | undefined) => {
    const desired = desiredState(state.facts, deps.policy, { profile });
    if (!desired) return undefined;
    const id = ProjectId.parse(state.facts.id);
    const services = await compareProject({ ...state.facts, id }, desired, deps);
    return { project: id, name: state.facts.name, profile: desired.profile, services };
  };

  app.get('/v1/projects/:id/provision', async (context) => {
    const state = await findProject(context);
    if (state.kind !== 'present') return context.json(problemBody('project', notThere(state)), 404);
    const { profile } = ProfileQuery.parse(context.req.query());
    const plan = await compare(state, profile);
    return plan ? context.json(plan) : context.json(noProfile(state, profile), 409);
  });

  app.get('/v1/projects/:id/drift', async (context) => {
    const state = await findProject(context);
    if (state.kind !== 'present') return context.json(problemBody('project', notThere(state)), 404);
    const [known] = await provisionedProjects(engine, state.facts.id);
    if (!known)
      return context.json(
        problemBody(
          'project',
          'the project was never provisioned',
          `Type: propagator project provision ${state.facts.id} --plan`,
        ),
        404,
      );
    const drift = await compare(state, known.profile);
    return drift ? context.json(drift) : context.json(noProfile(state, known.profile), 409);
  });

  app.get('/v1/provisioned', async (context) =>
    context.json({
      projects: (await provisionedProjects(engine)).map(({ version: _, ...one }) => one),
    }),
  );

  app.post('/v1/projects/:id/provision', async (context) => {
    const requested = { ...(await readJson(context, ProvisionRequest)), by: callerOf(context) };
    const state = await findProject(context);
    if (state.kind !== 'present') return context.json(problemBody('refused', notThere(state)), 409);
    if (state.suspensionCauses.length > 0)
      return context.json(
        problemBody(
          'refused',
          `the project is not active: ${describeCauses(state.suspensionCauses)}`,
        ),
        409,
      );
    if (!desiredState(state.facts, deps.policy, requested))
      return context.json(noProfile(state, requested.profile), 409);
    const scope = scopeOf(state);
    const because = protectedBecause(scope, await deps.protection());
    if (because) return context.json(problemBody('refused', `it is protected: ${because}`), 409);
    const input = await requestedInput('provision', scope, requested, deps);
    const opened = openProvision(input);
    if (!opened)
      return context.json(
        problemBody(
          'refused',
          'another provision or a cleanup of the project is running',
          `To list them: propagator operation list --project ${scope.id}`,
        ),
        409,
      );
    const { operations, messages } = lifecycleStep(opened);
    const { id, name } = scope;
    const openedId = opened.opened?.id;
    const auditedDecision = {
      what: 'project.provisioned',
      target: { type: 'project', id, name, operations: openedId ? [openedId] : [] },
      reason: requested.reason,
      before: null,
      after: { opened: openedId ?? null, profile: requested.profile ?? null },
    } as const;
    const audit = [auditRecord(context, input.now, auditedDecision)];
    if ((await engine.commit({ operations, messages, audit })) === 'conflict')
      return context.json(CHANGED_PROBLEM, 409);
    return context.json({ opened: openedId ?? null }, 202);
  });
}

const noProfile = ({ facts }: PresentProject, profile: string | undefined) =>
  profile === undefined
    ? problemBody(
        'refused',
        `no rule of the policy provisions project ${facts.id}`,
        'Name a profile of the policy file: --profile NAME. To see the rules: propagator policy ' +
          `show ${facts.id}`,
      )
    : problemBody('refused', `the policy has no profile "${profile}"`);
