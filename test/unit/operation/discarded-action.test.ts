import { DomainId } from '../../../events/ids.ts';
import type { Message } from '../../../events/index.ts';
import { discardWarning } from '../../../lib/operation/discarded-action.ts';
import { operation } from '../../engine/samples.ts';

const service = { type: 'service.requested', data: { service: 'nova' } } as Message;

describe('the discard of a dead letter', () => {
  it('of a resume names the service and the command that resumes its resources', () => {
    const resume = operation({ action: 'resume', state: 'running' });
    expect(discardWarning(resume, service)).toBe(
      `Resources of nova that are suspended stay suspended in project ${resume.scope.id}. To ` +
        `resume them after ${resume.id} has ended: propagator project resume ` +
        `${resume.scope.id} --reason "…"`,
    );
  });

  it('of a cleanup leaves nothing suspended', () => {
    expect(
      discardWarning(operation({ action: 'cleanup', state: 'running' }), service),
    ).toBeUndefined();
  });

  it('of the enable of a domain names the commands for the domain and its projects', () => {
    const keystoneAction = { what: 'enable', number: 2, since: 1, done: false } as const;
    const canceled = operation({
      scope: { type: 'domain', id: DomainId.parse('d1') },
      state: 'canceled',
      keystoneAction,
    });
    const data = { operationId: canceled.id, what: 'enable', number: 2 } as const;
    const message: Message = { type: 'operation.keystone-action', data };
    expect(discardWarning(canceled, message)).toBe(
      `The domain d1 stays disabled in Keystone, and its resources that ${canceled.id} suspended ` +
        'stay suspended. To enable it: openstack domain set --enable d1. Then resume it: ' +
        'propagator project resume PROJECT --reason "…", for each of its projects (propagator ' +
        'operation list --domain d1)',
    );
    const earlier: Message = { type: 'operation.keystone-action', data: { ...data, number: 1 } };
    expect(discardWarning(canceled, earlier)).toBeUndefined();
  });
});
