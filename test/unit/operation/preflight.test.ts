import { DomainId } from '../../../events/ids.ts';
import type { Condition, Phase } from '../../../events/service.ts';
import {
  type AccountState,
  keystoneActionRefusal,
  type PreflightInput,
  runRefusal,
} from '../../../lib/operation/preflight.ts';

const request = { by: 'ann', reason: 'test', at: 1, enabled: true };
const requested: PreflightInput['operation'] = { request, state: 'running', hold: undefined };
const notified: PreflightInput['operation'] = { ...requested, request: undefined };

const input = (
  accountState: AccountState,
  fields: Partial<PreflightInput> = {},
): PreflightInput => ({
  operation: requested,
  mode: 'enforce',
  protectedBecause: undefined,
  accountState,
  ...fields,
});

const messageOf = (phase: Phase, preflight: PreflightInput): string | undefined =>
  runRefusal(phase, preflight)?.message;

const deletionHold: Condition = {
  class: 'Blocked',
  message: 'held by ann',
  actor: 'operator',
  count: 1,
};
const held = {
  ...requested,
  state: 'held',
  hold: { reason: 'cap', since: 1, advice: '' },
} as const;

describe('the check before a run', () => {
  it('always allows a plan', () => {
    const everyReason = { operation: held, protectedBecause: 'by a setting', deletionHold };
    expect(runRefusal('plan', input('enabled', { mode: 'observe', ...everyReason }))).toBe(
      undefined,
    );
  });

  it.each(['pre-delete', 'apply'] as const)('names the first reason that forbids %s', (phase) => {
    const reasons = [
      [{ mode: 'observe' }, /mode is observe/],
      [{ protectedBecause: 'by a setting' }, /^protected: by a setting$/],
      [{ deletionHold }, /^held by ann$/],
      [{ operation: held }, /^the operation is held: cap$/],
    ] as const;
    for (const [index, [, message]] of reasons.entries()) {
      const fields = Object.assign({}, ...reasons.slice(index).map(([one]) => one));
      expect(messageOf(phase, input('absent', fields))).toMatch(message);
    }
  });

  it('names a person as the reason if the held operation has no text', () => {
    const operation = { ...held, hold: undefined };
    expect(messageOf('apply', input('absent', { operation }))).toBe(
      'the operation is held: for a person',
    );
  });

  it.each(['pre-delete', 'apply'] as const)('allows %s on a deleted account', (phase) => {
    expect(runRefusal(phase, input('absent'))).toBeUndefined();
    expect(runRefusal(phase, input('absent', { operation: notified }))).toBeUndefined();
  });

  it.each(['enabled', 'disabled'] as const)(
    'stops the removals of a notified deletion whose account is %s',
    (state) => {
      const preflight = input(state, { operation: notified });
      expect(messageOf('apply', preflight)).toMatch(/Keystone shows the account again/);
    },
  );

  it('allows the removals of a request only on the state that the phase needs', () => {
    expect(runRefusal('pre-delete', input('enabled'))).toBeUndefined();
    expect(messageOf('pre-delete', input('disabled'))).toMatch(/is disabled in Keystone, so/);
    expect(runRefusal('apply', input('disabled'))).toBeUndefined();
    expect(messageOf('apply', input('enabled'))).toMatch(/was enabled again in Keystone/);
  });

  it('names a disabled domain only in phase pre-delete', () => {
    const fields = { disabledDomain: DomainId.parse('d1') };
    for (const state of ['enabled', 'disabled'] as const)
      expect(messageOf('pre-delete', input(state, fields))).toMatch(/^the domain d1 is disabled/);
    expect(runRefusal('apply', input('disabled', fields))).toBeUndefined();
  });
});

describe('the check before a Keystone action', () => {
  it('lets a disable and an enable depend only on mode, protection and deletion hold', () => {
    for (const action of ['disable', 'enable'] as const) {
      expect(keystoneActionRefusal(action, input('enabled', { operation: held }))).toBeUndefined();
      expect(keystoneActionRefusal(action, input('enabled', { deletionHold }))).toBe(deletionHold);
    }
  });

  it('lets a role need an enabled project, and a deletion a disabled one', () => {
    expect(keystoneActionRefusal('assign-role', input('enabled'))).toBeUndefined();
    expect(keystoneActionRefusal('assign-role', input('disabled'))).toBeDefined();
    expect(keystoneActionRefusal('delete', input('disabled'))).toBeUndefined();
    expect(keystoneActionRefusal('delete', input('enabled'))).toBeDefined();
  });
});
