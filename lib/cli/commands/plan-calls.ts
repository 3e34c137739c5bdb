import * as z from 'zod';
import { ENDED_OPERATION_STATES } from '../../operation/model.ts';
import { PropagatorError } from '../../shared/errors.ts';
import type { OutputOptions } from '../format.ts';
import {
  type RecoveryWindowOptions,
  recoveryWindowBody,
  recoveryWindowText,
} from '../recovery-window.ts';
import { OperationShape, PlanShape } from '../shapes.ts';
import { queryString, type Terminal } from '../terminal.ts';

export type AccountType = 'project' | 'domain';

export interface PlanOptions extends OutputOptions {
  domain?: string;
  resources?: true;
  reason?: string;
}

/** The fields that the API adds to the answer of a request with a recovery window. */
const recoveryWindowFields = {
  recoverableUntil: z.number().optional(),
  /** `project` or `domain`. An older API does not send this field. */
  type: z.string().optional(),
};

export const OpenedAnswer = z.object({
  opened: z.string(),
  unknown: z.array(z.string()).default([]),
  ...recoveryWindowFields,
});

const ApprovedAnswer = z.looseObject({
  opened: z.string().optional(),
  waitsFor: z.string().optional(),
  unknown: z.array(z.string()).default([]),
  ...recoveryWindowFields,
});

const ProjectsAnswer = z.object({
  projects: z.array(z.looseObject({ id: z.string(), domainId: z.string().optional() })),
});

const DomainsAnswer = z.object({ domains: z.array(z.looseObject({ id: z.string() })) });

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, millis));

const POLL_MILLIS = 1000;

/** The advice for the second approver. */
export const secondApprovalText = (id: string): string =>
  `Another person must read and approve the plan: propagator operation show ${id} --resources`;

/**
 * Returns a function that makes the output after the approval of the plan `id`, from the answer of
 * the API.
 */
export const approvalOutput =
  (id: string) =>
  ({
    opened: operationId,
    waitsFor,
    unknown: unchecked,
    recoverableUntil,
    type,
  }: z.infer<typeof ApprovedAnswer>): string =>
    operationId === undefined
      ? `${id} is approved by you; ${waitsFor}. ${secondApprovalText(id)}`
      : [
          ...unchecked.map((what) => `Could not be checked in advance: ${what}.`),
          recoverableUntil === undefined
            ? `${operationId} carries out ${id}. Follow it: propagator operation show ` +
              operationId
            : recoveryWindowText(operationId, recoverableUntil, type),
        ].join('\n');

export const planError = (message: string, advice: string): PropagatorError =>
  new PropagatorError({ code: 'cli.plan', class: 'Denied', message, advice });

/** Returns the id of a project that is given by its id, or with `--domain` by its name. */
export async function projectIdOf(
  nameOrId: string,
  { domain }: PlanOptions,
  { client }: Terminal,
): Promise<string> {
  if (domain === undefined) return nameOrId;
  const { projects } = await client.get(
    `/v1/projects${queryString({ name: nameOrId, domain })}`,
    ProjectsAnswer,
  );
  const [project, ...others] = projects;
  if (project && others.length === 0) return project.id;
  throw planError(
    project
      ? `${projects.length} projects have this name`
      : 'the inventory has no project with this name',
    'Give the id of the project: openstack project list --domain DOMAIN',
  );
}

/** Returns the id of the domain with this name. If no domain has this name, returns `nameOrId`. */
export async function domainIdOf(nameOrId: string, { client }: Terminal): Promise<string> {
  const { domains } = await client.get(
    `/v1/domains${queryString({ name: nameOrId })}`,
    DomainsAnswer,
  );
  const [domain, ...others] = domains;
  if (domain && others.length === 0) return domain.id;
  if (!domain) return nameOrId;
  throw planError(
    `${domains.length} domains have this name`,
    'Give the id of the domain: openstack domain list',
  );
}

/** Requests a plan, and waits until it is complete. */
export async function makePlan(
  kind: AccountType,
  id: string,
  { reason, resources }: PlanOptions,
  { client, sleep = pause }: Terminal,
): Promise<PlanShape> {
  const path = `/v1/${kind}s/${encodeURIComponent(id)}/plan`;
  const { opened: planId } = await client.post(path, { reason }, OpenedAnswer);
  const detailQuery = queryString({ resources: resources ? 'true' : undefined });
  for (;;) {
    const plan = await client.get(`/v1/operations/${planId}/plan${detailQuery}`, PlanShape);
    if (plan.digest !== undefined) return plan;
    if (ENDED_OPERATION_STATES.some((state) => state === plan.state)) {
      const { operation } = await client.get(`/v1/operations/${planId}`, OperationShape);
      throw planError(
        `the plan ${planId} ended ${plan.state}: ${operation.hold?.reason ?? 'without a reason'}`,
        `See: propagator operation show ${planId}`,
      );
    }
    await sleep(POLL_MILLIS);
  }
}

/** Approves a plan. */
export const approvePlan = (
  id: string,
  digest: string,
  { reason, ...options }: RecoveryWindowOptions & { reason?: string },
  { client }: Terminal,
) =>
  client.post(
    `/v1/operations/${encodeURIComponent(id)}/approve`,
    { digest, reason, ...recoveryWindowBody(options) },
    ApprovedAnswer,
  );
