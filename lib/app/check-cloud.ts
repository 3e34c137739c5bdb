import { setTimeout as delay } from 'node:timers/promises';
import type { Cloud } from '../openstack/cloud.ts';
import { coverageOf } from '../operation/coverage.ts';
import { MISSING_REGION_CODE } from '../operation/registry.ts';
import { PropagatorError, reportOf } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import type { Service } from '../task/service.ts';

/** The start waits at most this time for Keystone. */
const MAX_WAIT_MILLIS = 10_000;

/**
 * Checks the catalog of Keystone once at the start. Throws `PropagatorError` (`openstack.region`)
 * when the catalog lacks a region that the settings name. For every other problem the function logs
 * a warning with the command that corrects the problem. Such a problem would make operations end
 * `unverified`, or make their tasks dead-lettered. If Keystone does not answer within
 * `maxWaitMillis`, the start continues, and a missing region is only logged.
 */
export async function checkCloud(
  cloud: Pick<Cloud, 'registry' | 'missingAccess'>,
  services: readonly Service[],
  log: Log,
  maxWaitMillis = MAX_WAIT_MILLIS,
): Promise<void> {
  const warningAbort = new AbortController();
  let isLate = false;
  const lateWarning = delay(maxWaitMillis, undefined, { signal: warningAbort.signal }).then(
    () => {
      isLate = true;
      log.warn('Keystone did not answer in time, so its catalog was not checked at the start');
    },
    () => undefined,
  );
  const catalogCheck = warnAboutCloud(cloud, services, log).catch((error: unknown) => {
    const isMissingRegion =
      error instanceof PropagatorError && error.report.code === MISSING_REGION_CODE;
    // After the time limit the start has continued, so this error can only be logged.
    if (isMissingRegion && !isLate) throw error;
    const { message, advice } = reportOf(error, { code: 'openstack.check', service: 'keystone' });
    log.warn({ advice }, `the catalog was not checked: ${message}`);
  });
  try {
    await Promise.race([catalogCheck, lateWarning]);
  } finally {
    warningAbort.abort();
  }
}

async function warnAboutCloud(
  cloud: Pick<Cloud, 'registry' | 'missingAccess'>,
  services: readonly Service[],
  log: Log,
): Promise<void> {
  const coverage = coverageOf(await cloud.registry(), services);
  const unreachable = services.flatMap((service) => [
    ...coverage.ofService(service).unverifiedRegistrations,
  ]);
  for (const { type, because, advice } of [
    ...unreachable,
    ...(coverage.unlisted ? [coverage.unlisted] : []),
  ])
    log.warn({ type, advice }, `${type}: ${because}; every operation will end as unverified`);
  for (const service of services) {
    if (coverage.ofService(service).regions.length === 0) continue;
    const report = await cloud.missingAccess(service);
    if (report) log.warn({ service: service.name, advice: report.advice }, report.message);
  }
}
