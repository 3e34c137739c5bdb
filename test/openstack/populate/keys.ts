import * as z from 'zod';
import { CLOUD_SECONDS, Row, until } from '../cloud.ts';
import { createIfSupported, prefixedName, type SeedProject } from './seed.ts';

const Made = z.record(z.string(), z.string()).transform((answer) => Object.values(answer)[0] ?? '');

/**
 * Creates secrets (one of them private), an order for a key and one for a key pair, and a container
 * that is in use. The member has the role `creator`, which the default policy of Barbican requires.
 */
export async function fullKeys(seedProject: SeedProject): Promise<void> {
  const { member, admin, project } = seedProject;
  const post = async (collection: string, json: object) =>
    Made.parse((await member.call('key-manager', 'POST', collection, { json })).json);
  const secret = (name: string, more: object = {}) =>
    post('/secrets', {
      name: prefixedName(seedProject, name),
      payload: 'not very secret',
      payload_content_type: 'text/plain',
      ...more,
    });
  const pathOf = (ref: string) => ref.slice(ref.indexOf('/v1/') + '/v1'.length);
  const order = async (type: string, meta: object) => {
    const path = pathOf(await post('/orders', { type, meta }));
    await until(`order ${path} is carried out`, CLOUD_SECONDS, async () => {
      const { status } = Row.parse((await member.call('key-manager', 'GET', path)).json);
      return status === 'PENDING' ? undefined : true;
    });
  };
  const held = async () => {
    const secret_refs = [{ name: 'certificate', secret_ref: await secret('certificate') }];
    const ref = await post('/containers', {
      name: prefixedName(seedProject, 'tls'),
      type: 'generic',
      secret_refs,
    });
    const json = { name: 'listener', URL: 'https://listener.example/1' };
    await member.call('key-manager', 'POST', `${pathOf(ref)}/consumers`, { json });
  };
  const hidden = async () => {
    const ref = await secret('private');
    await member.call('key-manager', 'PUT', `${pathOf(ref)}/acl`, {
      json: { read: { 'project-access': false } },
    });
  };
  await createIfSupported(seedProject, 'barbican.secret', () =>
    Promise.all([
      secret('plain'),
      hidden(),
      held(),
      order('key', {
        name: prefixedName(seedProject, 'volume-key'),
        algorithm: 'aes',
        bit_length: 256,
        mode: 'cbc',
      }),
      order('asymmetric', {
        name: prefixedName(seedProject, 'pair'),
        algorithm: 'rsa',
        bit_length: 2048,
      }),
    ]),
  );
  await createIfSupported(seedProject, 'barbican.project-quota', () =>
    admin.call('key-manager', 'PUT', `/project-quotas/${project.id}`, {
      json: { project_quotas: { secrets: 500 } },
    }),
  );
}
