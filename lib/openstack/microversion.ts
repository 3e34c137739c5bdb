import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { ApiAnswer, Service } from '../task/service.ts';
import { answerFailure, type FailureContext } from './failure.ts';

const versionEntry = z.object({
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
  z.object({ version: versionEntry }).transform((document) => [document.version]),
  z.object({ versions: z.array(versionEntry) }).transform((document) => document.versions),
  z
    .object({ versions: z.object({ values: z.array(versionEntry) }) })
    .transform((document) => document.versions.values),
]);

type MicroversionRange = NonNullable<Service['microversion']>;

const versionNumbers = (version: string): [number, number] => {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return [major, minor];
};

/** Compares microversions as pairs of numbers: 2.9 is older than 2.75. */
export function compareVersions(a: string, b: string): number {
  const [majorA, minorA] = versionNumbers(a);
  const [majorB, minorB] = versionNumbers(b);
  return majorA - majorB || minorA - minorB;
}

/**
 * Returns the path of an API version from its `self` link, because Cinder's version id `v3.0` is
 * not its path `v3`. The host of the link is often internal, so it is ignored.
 */
function apiPathOf(one: z.infer<typeof versionEntry>): string {
  const href = one.links?.find((link) => link.rel === 'self')?.href ?? '';
  const lastSegment = href.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return /^v\d+(\.\d+)?$/.test(lastSegment) ? lastSegment : one.id;
}

/**
 * Returns the microversions in the headers of an answer (`container 1.40`). The version documents
 * of Zun and Magnum do not contain them.
 */
function entriesInHeaders(headers: Headers): z.infer<typeof versionEntry>[] {
  const [lowest, highest] = ['minimum', 'maximum'].map(
    (end) => /[\d.]+$/.exec(headers.get(`openstack-api-${end}-version`) ?? '')?.[0],
  );
  return lowest && highest ? [{ id: '', min_version: lowest, max_version: highest }] : [];
}

/**
 * Returns the highest microversion that both sides support, and the API's path (`v2.1`) for an
 * endpoint without a version. `rootAnswer`: the answer at the root of the API. Throws class
 * `Unsupported`, with both ranges, if they do not overlap.
 */
export function negotiateVersion(
  rootAnswer: Pick<ApiAnswer, 'json' | 'headers' | 'requestId'>,
  wantedRange: MicroversionRange,
  failureContext: FailureContext,
): { version: string; path: string } {
  const { requestId } = rootAnswer;
  const parsed = versionDocument.safeParse(rootAnswer.json);
  const entries = parsed.success ? parsed.data : entriesInHeaders(rootAnswer.headers);
  if (entries.length === 0)
    throw answerFailure(
      { code: 'unexpected', message: 'its version document cannot be read' },
      failureContext,
      requestId,
    );
  const newestRange = newestRangeOf(entries);
  const isTooNew =
    newestRange !== undefined &&
    compareVersions(newestRange.lowest || wantedRange.floor, wantedRange.ceiling) > 0;
  if (!newestRange || isTooNew || compareVersions(newestRange.highest, wantedRange.floor) < 0)
    throw unsupportedMicroversionError(newestRange, wantedRange, isTooNew, {
      ...failureContext,
      requestId,
    });
  const version =
    compareVersions(newestRange.highest, wantedRange.ceiling) < 0
      ? newestRange.highest
      : wantedRange.ceiling;
  return { version, path: newestRange.path };
}

/** An API version that a version document lists, with the range of its microversions. */
interface SupportedRange {
  /** For example `v2.1`. */
  readonly path: string;
  readonly highest: string;
  /** Empty if the document does not contain it. */
  readonly lowest: string;
}

/** Returns the entry with the highest microversion; `undefined` if no entry has one. */
const newestRangeOf = (
  entries: readonly z.infer<typeof versionEntry>[],
): SupportedRange | undefined =>
  entries
    .map((one) => ({
      path: apiPathOf(one),
      highest: one.version || one.max_version || '',
      lowest: one.min_version || '',
    }))
    .filter(({ highest }) => highest !== '')
    .sort((a, b) => compareVersions(b.highest, a.highest))
    .at(0);

/** Creates the error for a service whose microversions do not overlap with `wanted`. */
function unsupportedMicroversionError(
  supported: SupportedRange | undefined,
  wanted: MicroversionRange,
  isTooNew: boolean,
  { service, region, requestId }: FailureContext & Pick<ApiAnswer, 'requestId'>,
): PropagatorError {
  return new PropagatorError({
    code: `${service}.microversion`,
    class: 'Unsupported',
    message: supported
      ? `${service} supports microversions ${supported.lowest} to ${supported.highest}, but ` +
        `${wanted.floor} to ${wanted.ceiling} are required`
      : `${service} supports no microversions, but at least ${wanted.floor} is required`,
    advice: isTooNew
      ? `This release of the propagator does not support ${service} of this cloud. ` +
        'Upgrade the propagator.'
      : 'The safety rules require the owner of each row, which older releases do not show. ' +
        `The propagator therefore changes nothing in ${service}. Upgrade ${service}.`,
    service,
    region,
    requestId,
  });
}
