import { refuseOperation } from '../../../lib/operation/ended.ts';
import { operation } from '../../engine/samples.ts';

const adviceAbout = (action: 'cleanup' | 'suspend' | 'resume' | 'provision'): string =>
  refuseOperation(operation({ action, state: 'confirming' }), 'the account is protected', 5).hold
    ?.advice ?? '';

describe('the advice of a refused operation', () => {
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
