import { ResourceTypeName } from '../../../events/ids.ts';
import type { Phase, VerificationStatus } from '../../../events/service.ts';
import {
  ALL_PHASES,
  isVerifiedEmpty,
  mergeVerifications,
  typesEmptyBeforeDeletion,
  typesToListLast,
  type Verifications,
  verificationsAfterPreDelete,
  withStalePhases,
} from '../../../lib/operation/verification.ts';

const PORT = ResourceTypeName.parse('network.port');
const MINUTE = 60_000;

const reported = (
  status: VerificationStatus,
  phase: Phase,
  {
    before = {},
    now = 0,
    isStale = false,
  }: { before?: Verifications; now?: number; isStale?: boolean } = {},
): Verifications => mergeVerifications(before, { [PORT]: status }, { phase, now, isStale });

describe('the verification of a resource type', () => {
  it.each<[VerificationStatus, Phase, boolean]>([
    ['empty', 'apply', true],
    ['empty', 'plan', false],
    ['empty', 'pre-delete', false],
    ['present', 'apply', false],
    ['unknown', 'apply', false],
  ])('%s in phase %s lets a dependent start: %s', (status, phase, expected) => {
    expect(isVerifiedEmpty(reported(status, phase), PORT)).toBe(expected);
  });

  it('is not used after it has become stale', () => {
    for (const phase of ALL_PHASES) {
      const stale = withStalePhases(reported('empty', phase), [phase]);
      expect(isVerifiedEmpty(stale, PORT)).toBe(false);
      expect(typesEmptyBeforeDeletion(stale)).toEqual([]);
      expect(typesToListLast(stale, phase, 0)).toEqual([]);
      expect(typesToListLast(stale, 'apply', 0)).toEqual([]);
    }
  });

  it('is stale from the start if the project was enabled during the run', () => {
    expect(isVerifiedEmpty(reported('empty', 'apply', { isStale: true }), PORT)).toBe(false);
  });

  it('is used for ten minutes, and only in phase apply, if it is from phase plan', () => {
    const counted = reported('empty', 'plan', { now: 5 });
    expect(typesToListLast(counted, 'apply', 5 + 10 * MINUTE - 1)).toEqual([PORT]);
    expect(typesToListLast(counted, 'apply', 5 + 10 * MINUTE)).toEqual([]);
    expect(typesToListLast(counted, 'pre-delete', 5)).toEqual([]);
  });

  it('is kept if the project existed when it was made, and the type can no longer be listed', () => {
    const before = reported('empty', 'pre-delete');
    expect(typesEmptyBeforeDeletion(reported('unknown', 'apply', { before }))).toEqual([PORT]);
    expect(typesEmptyBeforeDeletion(reported('present', 'apply', { before }))).toEqual([]);
    const stale = withStalePhases(before, ALL_PHASES);
    expect(typesEmptyBeforeDeletion(reported('unknown', 'apply', { before: stale }))).toEqual([]);
  });

  it('is used after the deletion of the project only if the last pre-delete run made it', () => {
    const before = reported('empty', 'pre-delete');
    expect(
      typesEmptyBeforeDeletion(verificationsAfterPreDelete(before, { [PORT]: 'empty' })),
    ).toEqual([PORT]);
    expect(typesEmptyBeforeDeletion(verificationsAfterPreDelete(before, {}))).toEqual([]);
  });
});
