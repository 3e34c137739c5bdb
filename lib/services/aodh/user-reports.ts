import { defineUserReport } from '../../task/service.ts';
import { alarmsWithTrustOf } from './user-alarms.ts';

/** The resources in Aodh that a suspension of a user reports. */
export const userReports = [
  defineUserReport<Awaited<ReturnType<typeof alarmsWithTrustOf>>[number]>({
    name: 'alarm-of-user',
    because:
      'An alarm belongs to its project; if an action of the alarm uses a trust of the user, ' +
      'Keystone refuses this trust until the user is enabled.',
    list: alarmsWithTrustOf,
    id: (row) => row.alarm_id,
    owner: (row) => row.user_id ?? undefined,
    label: (row) => row.name ?? undefined,
    project: (row) => row.project_id ?? undefined,
    message: () =>
      'the actions of alarms that use a trust of the user fail until the user is enabled',
    advice:
      'If these actions must continue, ask another member of the project to create the alarms ' +
      'again.',
  }),
];
