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
import { callerNotAllowedInBody, readJson, reasonText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { answerRefused, problemBody } from './problem.ts';
import {
  operationInputOf,
  PROJECT_CHANGED_PROBLEM,
  type PresentProject,
  readProjectState,
  scopeOfProject,
  whyNotPresent,
} from './project-request.ts';

export const ProfileQuery = z.object({ profile: z.string().min(1).max(255).optional() });
export const ProvisionBody = z.strictObject({
  reason: reasonText,
  by: callerNotAllowedInBody,
  ...ProfileQuery.shape,
  reconcile: z.boolean().optional(),
});

/** Routes that provision a project, and that compare projects with their profile. */
export function provisionRoutes(app: Hono, deps: ApiDeps): void {
  app.get('/v1/projects/:id/provision', (context) => answerProvisionPlan(context, deps));
  app.get('/v1/projects/:id/drift', (context) => answerDrift(context, deps));
  app.get('/v1/provisioned', async (context) => {
    const projects = await provisionedProjects(deps.engine);
    return context.json({ projects: projects.map(({ version: _, ...project }) => project) });
  });
  app.post('/v1/projects/:id/provision', (context) => provisionProject(context, deps));
}

const readRequestedProject = (context: Context, deps: ApiDeps) =>
  readProjectState(ProjectId.parse(context.req.param('id')), deps);

async function answerProvisionPlan(context: Context, deps: ApiDeps): Promise<Response> {
  const project = await readRequestedProject(context, deps);
  if (project.kind !== 'present')
    return context.json(problemBody('project', whyNotPresent(project)), 404);
  const { profile } = ProfileQuery.parse(context.req.query());
  const comparison = await compareWithProfile(project, profile, deps);
  return comparison
    ? context.json(comparison)
    : context.json(noProfileProblem(project, profile), 409);
}

async function answerDrift(context: Context, deps: ApiDeps): Promise<Response> {
  const project = await readRequestedProject(context, deps);
  if (project.kind !== 'present')
    return context.json(problemBody('project', whyNotPresent(project)), 404);
  const [provisioned] = await provisionedProjects(deps.engine, project.facts.id);
  if (!provisioned)
    return context.json(
      problemBody(
        'project',
        'the project was never provisioned',
        `Type: propagator project provision ${project.facts.id} --plan`,
      ),
      404,
    );
  const comparison = await compareWithProfile(project, provisioned.profile, deps);
  return comparison
    ? context.json(comparison)
    : context.json(noProfileProblem(project, provisioned.profile), 409);
}

/**
 * Compares a project with a profile. Without `profile`, a rule of the policy names the profile.
 * Returns `undefined` if no rule names one, or if the policy has no profile of this name.
 */
async function compareWithProfile(
  { facts }: PresentProject,
  profile: string | undefined,
  deps: ApiDeps,
) {
  const desired = desiredState(facts, deps.policy, { profile });
  if (!desired) return undefined;
  const id = ProjectId.parse(facts.id);
  const services = await compareProject({ ...facts, id }, desired, deps);
  return { project: id, name: facts.name, profile: desired.profile, services };
}

async function provisionProject(context: Context, deps: ApiDeps): Promise<Response> {
  const provisionRequest = { ...(await readJson(context, ProvisionBody)), by: callerOf(context) };
  const project = await readRequestedProject(context, deps);
  if (project.kind !== 'present') return answerRefused(context, whyNotPresent(project));
  if (project.suspensionCauses.length > 0)
    return answerRefused(
      context,
      `the project is not active: ${describeCauses(project.suspensionCauses)}`,
    );
  if (!desiredState(project.facts, deps.policy, provisionRequest))
    return context.json(noProfileProblem(project, provisionRequest.profile), 409);
  const scope = scopeOfProject(project);
  const because = protectedBecause(scope, await deps.protection());
  if (because) return answerRefused(context, `the project is protected: ${because}`);
  const input = await operationInputOf('provision', scope, provisionRequest, deps);
  const provision = openProvision(input);
  if (!provision)
    return answerRefused(
      context,
      'another provision or a cleanup of the project is running',
      `To list them: propagator operation list --project ${scope.id}`,
    );
  const { operations, messages } = lifecycleStep(provision);
  const openedId = provision.opened?.id;
  const auditedDecision = {
    what: 'project.provisioned',
    target: {
      type: 'project',
      id: scope.id,
      name: scope.name,
      operations: openedId ? [openedId] : [],
    },
    reason: provisionRequest.reason,
    before: null,
    after: { opened: openedId ?? null, profile: provisionRequest.profile ?? null },
  } as const;
  const audit = [auditRecord(context, input.now, auditedDecision)];
  const outcome = await deps.engine.commit({ operations, messages, audit });
  return outcome === 'conflict'
    ? context.json(PROJECT_CHANGED_PROBLEM, 409)
    : context.json({ opened: openedId ?? null }, 202);
}

const noProfileProblem = ({ facts }: PresentProject, profile: string | undefined) =>
  profile === undefined
    ? problemBody(
        'refused',
        `no rule of the policy provisions project ${facts.id}`,
        'Name a profile of the policy file: --profile NAME. To see the rules: propagator policy ' +
          `show ${facts.id}`,
      )
    : problemBody('refused', `the policy has no profile "${profile}"`);
