import { DomainId, OperationId } from '../../../events/ids.ts';
import type { LifecycleDeps } from '../../../lib/handlers/lifecycle-deps.ts';
import { restoreAccount } from '../../../lib/handlers/recovery.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import { OPENED_AT, operationAt } from '../operation/step-fixture.ts';

const SCOPE = { type: 'domain', id: DomainId.parse('d1') } as const;
const SUSPENSION = OperationId.parse('op-000000000002');

type Shown = 'absent' | 'enabled' | 'disabled';
interface Case {
  /** The window suspended the domain. */
  readonly suspended: boolean;
  /** The canceled deletion had disabled the domain, and has just enabled it. */
  readonly justEnabled: boolean;
  /** The answer of Keystone about the domain. */
  readonly shown: Shown;
  readonly resumes: boolean;
  readonly announces: boolean;
}

const deletionOf = ({ suspended, justEnabled }: Case): Operation =>
  operationAt({
    scope: SCOPE,
    state: 'refused',
    recovery: {
      wasEnabled: justEnabled,
      lengthMillis: 0,
      remainingMillis: 0,
      seenAt: OPENED_AT,
      checkAfterMillis: 0,
      number: 0,
      reminders: [],
      ...(suspended ? { suspension: SUSPENSION } : {}),
    },
  });

/** Only the functions that the step calls. */
const depsOf = (shown: Shown, operations: readonly Operation[]): LifecycleDeps =>
  ({
    engine: { reads: { operationsAbout: async () => operations } },
    cloud: {
      keystone: {
        show: async () =>
          shown === 'absent'
            ? { kind: 'absent' }
            : { kind: 'present', account: { ...SCOPE, enabled: shown === 'enabled' } },
      },
    },
    mode: 'enforce',
    now: () => OPENED_AT,
  }) as unknown as LifecycleDeps;

describe('the restoration of a domain whose deletion was canceled', () => {
  it.each<Case>([
    {
      suspended: false,
      justEnabled: false,
      shown: 'disabled',
      resumes: false,
      announces: false,
    },
    { suspended: false, justEnabled: false, shown: 'enabled', resumes: false, announces: false },
    { suspended: false, justEnabled: false, shown: 'absent', resumes: false, announces: true },
    { suspended: false, justEnabled: true, shown: 'disabled', resumes: false, announces: false },
    { suspended: false, justEnabled: true, shown: 'enabled', resumes: false, announces: false },
    { suspended: false, justEnabled: true, shown: 'absent', resumes: false, announces: true },
    { suspended: true, justEnabled: false, shown: 'disabled', resumes: false, announces: false },
    { suspended: true, justEnabled: false, shown: 'enabled', resumes: true, announces: false },
    { suspended: true, justEnabled: false, shown: 'absent', resumes: false, announces: true },
    { suspended: true, justEnabled: true, shown: 'disabled', resumes: true, announces: false },
    { suspended: true, justEnabled: true, shown: 'enabled', resumes: true, announces: false },
    { suspended: true, justEnabled: true, shown: 'absent', resumes: true, announces: true },
  ])(
    'suspended $suspended, just enabled $justEnabled, Keystone shows it $shown: resume $resumes, announcement $announces',
    async (one) => {
      const deletion = deletionOf(one);
      const result = await restoreAccount(deletion, depsOf(one.shown, [deletion]));
      const resume = result?.operations.find(({ action }) => action === 'resume');
      expect(resume !== undefined).toBe(one.resumes);
      if (resume) expect(resume.lifecycle?.undoes).toBe(deletion.id);
      const types = (result?.messages ?? []).map(({ type }) => type);
      expect(types.includes('account.domain.deleted')).toBe(one.announces);
      expect(result === undefined).toBe(!one.resumes && !one.announces);
    },
  );
});
