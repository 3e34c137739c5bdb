import { defineUserReport } from '../../task/service.ts';
import { stacksWithTrustOf } from './trusts.ts';

/** The resources in Heat that a suspension of a user reports. */
export const userReports = [
  defineUserReport<Awaited<ReturnType<typeof stacksWithTrustOf>>[number]>({
    name: 'trusted-stack',
    because:
      'A stack belongs to its project and stays, although Keystone refuses the trust of the ' +
      'disabled user that the stack uses.',
    list: stacksWithTrustOf,
    id: ({ id }) => id,
    owner: ({ user }) => user,
    label: (stack) => stack.stack_name,
    project: (stack) => stack.project ?? undefined,
    message: () =>
      'stacks that use a trust of the user no longer scale, and take no signals, until the user ' +
      'is enabled',
    advice:
      'Heat 25 and later: if a stack must scale or take signals before that, a member of the ' +
      'project must update the stack (openstack stack update --existing STACK_ID). Heat then ' +
      'uses a trust of that member.',
  }),
];
