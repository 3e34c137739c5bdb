import { defineUserReport } from '../../task/service.ts';
import { clustersOfUser } from './cluster.ts';

/** The resources in Magnum that a suspension of a user reports. */
export const userReports = [
  defineUserReport<Awaited<ReturnType<typeof clustersOfUser>>[number]>({
    name: 'cluster-of-user',
    because:
      'A cluster belongs to its project and stays, although Keystone refuses the trust or ' +
      'application credential of the disabled user that the cluster uses.',
    list: clustersOfUser,
    id: (row) => row.uuid,
    owner: (row) => row.user_id ?? undefined,
    label: (row) => row.name ?? undefined,
    project: (row) => row.project_id ?? undefined,
    message: () =>
      'Kubernetes cannot change load balancers and volumes of clusters that the user created ' +
      'until the user is enabled',
    advice:
      'If Kubernetes must change these resources before that, ask another member of the project ' +
      'to create a new cluster, or to rotate the credential of the existing cluster (Magnum API ' +
      '1.12) if the driver supports it.',
  }),
];
