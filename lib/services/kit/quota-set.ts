import * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';
import type { QuotaWithDefaults } from './provision-quota.ts';

/** The calls that read and set the limits of a project in one service. */
export interface QuotaSetCalls {
  /** Reads the effective limits: the limits of the project, or the defaults where it has none. */
  readLimits(context: ProjectContext): Promise<QuotaWithDefaults['limits']>;
  /** Reads the effective limits and the defaults, with one call for each. */
  readWithDefaults(context: ProjectContext): Promise<QuotaWithDefaults>;
  /** Sets these limits. Other limits keep their values. */
  write(limits: Readonly<Record<string, number | boolean>>, context: ProjectContext): Promise<void>;
}

/** The path and the JSON key with which a service shows limits. */
export interface QuotaSetAddress {
  /** The path without the project: `/os-quota-sets`. */
  readonly path: string;
  /** The key of the limits in requests and answers. Default `quota_set`. */
  readonly key?: string;
  /** The last part of the path of the defaults. Default `defaults`. */
  readonly defaultsSegment?: string;
}

const limitsSchema = z.record(z.string(), z.unknown());

/**
 * Returns the calls for the limits of a project. The paths are `PATH/PROJECT` and
 * `PATH/PROJECT/defaults`.
 *
 * @example
 * const quotaSet = quotaSetAt({ path: '/os-quota-sets' });
 * const { cores } = await quotaSet.readLimits(context);
 */
export function quotaSetAt({
  path,
  key = 'quota_set',
  defaultsSegment = 'defaults',
}: QuotaSetAddress): QuotaSetCalls {
  const body = z.object({ [key]: limitsSchema });
  const pathOf = ({ project }: ProjectContext): string => `${path}/${encodeURIComponent(project)}`;
  const readQuotaSet = async (
    { api }: ProjectContext,
    quotaPath: string,
  ): Promise<QuotaWithDefaults['limits']> => {
    const { [key]: shownLimits = {} } = body.parse((await api.request('GET', quotaPath)).json);
    return shownLimits;
  };
  const readLimits = (context: ProjectContext) => readQuotaSet(context, pathOf(context));
  return {
    readLimits,
    async readWithDefaults(context) {
      const [effectiveLimits, defaultLimits] = await Promise.all([
        readLimits(context),
        readQuotaSet(context, `${pathOf(context)}/${defaultsSegment}`),
      ]);
      return { limits: effectiveLimits, defaults: defaultLimits };
    },
    async write(newLimits, context) {
      await context.api.request('PUT', pathOf(context), { json: { [key]: newLimits } });
    },
  };
}
