import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { Answer, Service } from '../task/service.ts';
import { answerFailure, type FailureContext } from './failure.ts';

const entry = z.object({
  id: z.string(),
  version: z.string().optional(),
  max_version: z.string().optional(),
  min_version: z.string().optional(),
  links: z.array(z.object({ rel: z.string(), href: z.string() })).optional(),
});
/**
 * The forms of a version document: Nova (`version`), Cinder and Placement (`versions`), and
 * Keystone (`versions.values`).
 */
const versionDocument = z.union([
  z.object({ version: entry }).transform((document) => [document.version]),
  z.object({ versions: z.array(entry) }).transform((document) => document.versions),
  z
    .object({ versions: z.object({ values: z.array(entry) }) })
    .transform((document) => document.versions.values),
]);

type Microversion = NonNullable<Service['microversion']>;

const numbers = (version: string): [number, number] => {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return [major, minor];
};

/** Compares microversions as pairs of numbers: 2.9 is older than 2.75. */
export function compareVersions(a: string, b: string): number {
  const [majorA, minorA] = numbers(a);
  const [majorB, minorB] = numbers(b);
  return majorA - majorB || minorA - minorB;
}

/**
 * Returns the path of an API version from its `self` link, because Cinder's version id `v3.0` is
 * not its path `v3`. The host of the link is often internal, so it is ignored.
 */
function apiOf(one: z.infer<typeof entry>): string {
  const href = one.links?.find((link) => link.rel === 'self')?.href ?? '';
  const lastSegment = href.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return /^v\d+(\.\d+)?$/.test(lastSegment) ? lastSegment : one.id;
}

/**
 * Reads the microversions of Zun and Magnum, which are only in the headers of responses: `container
 * 1.40`.
 */
function entriesInHeaders(headers: Headers): z.infer<typeof entry>[] {
  const [lowest, highest] = ['minimum', 'maximum'].map(
    (end) => /[\d.]+$/.exec(headers.get(`openstack-api-${end}-version`) ?? '')?.[0],
  );
  return lowest && highest ? [{ id: '', min_version: lowest, max_version: highest }] : [];
}

/**
 * Returns the highest microversion that both sides support, and the API's path (`v2.1`) for an
 * endpoint without a version. `document` is the response at the root of the API. Throws class
 * `Unsupported`, with both ranges, if they do not overlap.
 */
export function negotiate(
  document: Pick<Answer, 'json' | 'headers' | 'requestId'>,
  wanted: Microversion,
  where: FailureContext,
): { version: string; api: string } {
  const { requestId } = document;
  const parsed = versionDocument.safeParse(document.json);
  const entries = parsed.success ? parsed.data : entriesInHeaders(document.headers);
  if (entries.length === 0)
    throw answerFailure(
      { code: 'unexpected', message: 'its version document cannot be read' },
      where,
      requestId,
    );
  const best = entries
    .map((one) => ({
      api: apiOf(one),
      highest: one.version || one.max_version || '',
      lowest: one.min_version || '',
    }))
    .filter((one) => one.highest !== '')
    .sort((a, b) => compareVersions(b.highest, a.highest))
    .at(0);
  const isTooNew =
    best !== undefined && compareVersions(best.lowest || wanted.floor, wanted.ceiling) > 0;
  if (!best || isTooNew || compareVersions(best.highest, wanted.floor) < 0)
    throw new PropagatorError({
      code: `${where.service}.microversion`,
      class: 'Unsupported',
      message: best
        ? `${where.service} supports microversions ${best.lowest} to ${best.highest}, but ` +
          `${wanted.floor} to ${wanted.ceiling} are required`
        : `${where.service} supports no microversions, but at least ${wanted.floor} is ` +
          'required',
      advice: isTooNew
        ? `This release of the propagator does not support ${where.service} of this cloud. ` +
          `Upgrade the propagator.`
        : 'The safety rules require the owner of each row, which older releases do not show. ' +
          `The propagator therefore changes nothing in ${where.service}. Upgrade ` +
          `${where.service}.`,
      service: where.service,
      region: where.region,
      requestId,
    });
  const version = compareVersions(best.highest, wanted.ceiling) < 0 ? best.highest : wanted.ceiling;
  return { version, api: best.api };
}
