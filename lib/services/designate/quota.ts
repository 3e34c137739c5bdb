import * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';
import { ALL_PROJECTS_HEADER, projectHeader } from './project.ts';

const limits = z.record(z.string(), z.number());
/**
 * An id that Keystone never assigns. For this id, Designate returns the default limits and creates
 * no row.
 */
const UNUSED_PROJECT_ID = 'nobody';

export const pathOfQuota = (project: string): string => `/v2/quotas/${encodeURIComponent(project)}`;

/** Returns the effective limits of the project, and the defaults. */
export async function readQuota({ api, project }: ProjectContext) {
  const [ownAnswer, defaultAnswer] = await Promise.all([
    api.request('GET', pathOfQuota(project), { headers: projectHeader(project) }),
    api.request('GET', pathOfQuota(UNUSED_PROJECT_ID), { headers: ALL_PROJECTS_HEADER }),
  ]);
  return { limits: limits.parse(ownAnswer.json), defaults: limits.parse(defaultAnswer.json) };
}
