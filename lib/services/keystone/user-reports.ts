import * as z from 'zod';
import { defineUserReport, type UserContext } from '../../task/service.ts';

const urlEncode = encodeURIComponent;
const trustRow = z.object({
  id: z.string(),
  trustor_user_id: z.string().nullish(),
  trustee_user_id: z.string(),
  project_id: z.string().nullish(),
});
const userBody = z.object({ user: z.object({ name: z.string() }) });

/**
 * Returns the name of the user that acts with a trust, for example `heat`. Returns the id if
 * Keystone no longer has this user.
 */
const readTrusteeName = (id: string, { api, memoize }: UserContext): Promise<string> =>
  memoize(`keystone/user/${id}`, async () => {
    const { json, status } = await api.request('GET', `/v3/users/${urlEncode(id)}`, {
      accept: [404],
    });
    return status === 404 ? id : userBody.parse(json).user.name;
  });

/**
 * Trusts with which a service acts for the user: Heat, Magnum, Mistral, Aodh and others. Keystone
 * refuses a trust while its trustor is disabled.
 */
const trust = defineUserReport<z.infer<typeof trustRow> & { trusteeName: string }>({
  name: 'trust',
  because: 'Keystone cannot change a trust, and refuses it while its trustor is disabled.',
  async list(context) {
    const query = { trustor_user_id: context.user };
    const { rows } = await context.api.list('/v3/OS-TRUST/trusts', {
      collection: 'trusts',
      row: trustRow,
      paging: 'next',
      query,
    });
    return Promise.all(
      rows.map(async (row) => ({
        ...row,
        trusteeName: await readTrusteeName(row.trustee_user_id, context),
      })),
    );
  },
  id: ({ id }) => id,
  owner: (row) => row.trustor_user_id ?? undefined,
  project: (row) => row.project_id ?? undefined,
  message: ({ trusteeName }) =>
    `${trusteeName} acts with a trust of the user, which Keystone refuses until the user is ` +
    'enabled',
  advice:
    'The automatic actions of this service stop (scaling, cron triggers, alarm ' +
    'actions, certificates). If these actions must continue, ask another member of the project ' +
    'to create the resource of this service again.',
});

const credentialRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  user_id: z.string().nullish(),
  project_id: z.string().nullish(),
});

const applicationCredential = defineUserReport<z.infer<typeof credentialRow>>({
  name: 'application-credential',
  because:
    'Keystone cannot change an application credential, and refuses it while its user is disabled.',
  async list({ api, user }) {
    const path = `/v3/users/${urlEncode(user)}/application_credentials`;
    const options = { collection: 'application_credentials', row: credentialRow } as const;
    const { rows } = await api.list(path, { ...options, paging: 'next' });
    // Before 2023.1, a row does not name the user. The owner is then the user of the path.
    return rows.map((row) => ({ ...row, user_id: row.user_id ?? user }));
  },
  id: ({ id }) => id,
  owner: (row) => row.user_id ?? undefined,
  label: (row) => row.name ?? undefined,
  project: (row) => row.project_id ?? undefined,
  message: () =>
    'programs that log in with an application credential of the user are refused until the user ' +
    'is enabled',
  advice:
    'If a program must continue, ask another member of the project for another credential ' +
    '(openstack application credential create).',
});

/** The schema omits `blob`, which contains the secret. */
const ec2Row = z.object({
  id: z.string(),
  type: z.string(),
  user_id: z.string().nullish(),
  project_id: z.string().nullish(),
});

/**
 * Keys of the EC2 and S3 APIs. The type of each row is checked, because a Keystone that ignores the
 * filter also returns other credentials.
 */
const ec2Credential = defineUserReport<z.infer<typeof ec2Row>>({
  name: 'ec2-credential',
  because: 'Keystone cannot disable an EC2 credential, and refuses it while its user is disabled.',
  async list({ api, user }) {
    const { rows } = await api.list('/v3/credentials', {
      collection: 'credentials',
      row: ec2Row,
      paging: 'next',
      query: { user_id: user, type: 'ec2' },
    });
    return rows.filter(({ type }) => type === 'ec2');
  },
  id: ({ id }) => id,
  owner: (row) => row.user_id ?? undefined,
  project: (row) => row.project_id ?? undefined,
  message: () =>
    'programs that sign with an EC2 credential of the user (S3, EC2) are refused until the user ' +
    'is enabled',
  advice:
    'If a program must continue, ask another member of the project for another credential ' +
    '(openstack ec2 credentials create).',
});

/** The resources in Keystone that a suspension of a user reports. */
export const userReports = [trust, applicationCredential, ec2Credential];
