import { defineUserReport } from '../../task/service.ts';
import { stacksWithTrustOf } from './trusts.ts';

/** The resources in Heat that a suspension of a user reports. */
export const userReports = [
  defineUserReport<Awaited<ReturnType<typeof stacksWithTrustOf>>[number]>({
    name: 'trusted-stack',
    because:
      'A stack belongs to its project; Keystone refuses the trust of the user, which the stack ' +
      'uses, until the user is enabled.',
    list: stacksWithTrustOf,
    id: ({ id }) => id,
    owner: ({ user }) => user,
    label: (stack) => stack.stack_name,
    project: (stack) => stack.project ?? undefined,
    message: () =>
      'stacks that use a trust of the user no longer scale, and take no signals, until the user ' +
      'is enabled',
    advice:
      'Heat 25 and later: if a stack must continue, a member of the project updates the stack ' +
      '(openstack stack update --existing STACK_ID). Heat then uses a trust of that member.',
  }),
];
