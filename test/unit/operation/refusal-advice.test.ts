import { refuseOperation, refuseProtected } from '../../../lib/operation/ended.ts';
import { operation } from '../../engine/samples.ts';

const adviceAbout = (action: 'cleanup' | 'suspend' | 'resume' | 'provision'): string =>
  refuseOperation(operation({ action, state: 'confirming' }), 'Keystone shows the account', 5).hold
    ?.advice ?? '';

describe('the advice of a refused operation', () => {
  it.each(['cleanup', 'suspend', 'resume', 'provision'] as const)(
    'of a protected account names no command for a %s, because it would be refused',
    (action) => {
      const confirming = operation({ action, state: 'confirming' });
      const { hold, state } = refuseProtected(confirming, 'the settings protect it', 5);
      expect(state).toBe('refused');
      expect(hold).toMatchObject({ reason: 'protected: the settings protect it', since: 5 });
      expect(hold?.advice).not.toContain('propagator ');
      expect(hold?.advice).toContain('change the settings or the policy file first');
    },
  );

  it('names the rerun of a cleanup', () => {
    expect(adviceAbout('cleanup')).toContain('propagator operation rerun op-');
  });

  // Only a cleanup can be run again.
  it.each(['suspend', 'resume', 'provision'] as const)('names the command for a %s', (action) => {
    const advice = adviceAbout(action);
    expect(advice).toContain(`propagator project ${action} `);
    expect(advice).not.toContain('rerun');
  });
});
