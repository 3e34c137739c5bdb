import { type Blocker, defineType, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { epochMillisOf } from '../kit/time.ts';
import { refusalBlocker, STUCK_AFTER_MILLIS } from './deletion.ts';
import { groupsOf, networksOf, securityServicesOf, serversOf, sharesOf } from './rows.ts';

/**
 * Share servers, which serve the shares of a share network and have ports in the project's subnets.
 * Manila would also remove the share servers with their share network, but then no API would show
 * when their ports are gone. Share servers are therefore removed first.
 */
export const shareServer = defineType({
  name: 'share-server',
  blockers: [
    'The propagator never deletes a share server that an administrator added to ' +
      'Manila: it may serve shares that Manila does not manage.',
  ],
  async list(context) {
    const rows = await serversOf(context);
    if (rows.length === 0) return [];
    const [shares, groups] = await Promise.all([sharesOf(context), groupsOf(context)]);
    const usedServerIds = new Set([...shares, ...groups].map((one) => one.share_server_id));
    // The row of a replicated share names the server of only one replica. While such a share
    // exists, every server may serve one of its other replicas.
    const hasReplicatedShare = shares.some((one) => one.has_replicas);
    return rows.map((row) => ({
      ...row,
      isServing: hasReplicatedShare || usedServerIds.has(row.id),
    }));
  },
  id: (row) => row.id,
  owner: (row) => row.project_id || undefined,
  label: (row) => row.share_network_id ?? undefined,
  blocked(row): Blocker | undefined {
    if (row.isServing)
      return temporaryBlocker('the shares on the share server must be deleted first');
    if (row.is_auto_deletable === false)
      return {
        message: 'the share server may also serve shares that Manila does not manage',
        actor: 'operator',
        advice:
          'Remove the share server from Manila and keep it running (openstack share server ' +
          'abandon SERVER), or delete it (openstack share server delete SERVER).',
      };
    return /^(active|error|deleting)$/.test(row.status)
      ? undefined
      : temporaryBlocker(`the share server is busy (${row.status})`);
  },
  async remove(row, { api, now }): Promise<Removal> {
    if (row.status === 'deleting') {
      const since = epochMillisOf(row.updated_at);
      return now() - since > STUCK_AFTER_MILLIS
        ? { kind: 'accepted', stuckSince: since }
        : { kind: 'accepted' };
    }
    try {
      await api.request('DELETE', `/share-servers/${encodeURIComponent(row.id)}`);
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
    return { kind: 'accepted' };
  },
});

/**
 * Share networks. Manila deletes a share network only if it has at most one subnet, so the other
 * subnets are removed first.
 */
export const shareNetwork = defineType({
  name: 'share-network',
  blockers: ['The shares, groups and share servers on a share network must be deleted first.'],
  async list(context) {
    const rows = await networksOf(context);
    if (rows.length === 0) return [];
    const [shares, groups, servers] = await Promise.all([
      sharesOf(context),
      groupsOf(context),
      serversOf(context),
    ]);
    const networksInUse = new Set(
      [...shares, ...groups, ...servers].map((row) => row.share_network_id),
    );
    return rows.map((row) => ({ ...row, isInUse: networksInUse.has(row.id) }));
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) =>
    row.isInUse
      ? temporaryBlocker(
          'the shares, groups and share servers of the share network must be deleted first',
        )
      : undefined,
  async remove(row, { api }): Promise<Removal> {
    const path = `/share-networks/${encodeURIComponent(row.id)}`;
    try {
      for (const subnet of (row.share_network_subnets ?? []).slice(1))
        await api.request('DELETE', `${path}/subnets/${encodeURIComponent(subnet.id)}`, {
          accept: [404],
        });
      await api.request('DELETE', path);
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
    return { kind: 'gone' };
  },
});

/** Security services: directories with the users of shares (LDAP, Kerberos, Active Directory). */
export const securityService = defineType({
  name: 'security-service',
  blockers: ['The share networks that use a security service must be deleted first.'],
  async list(context) {
    const rows = await securityServicesOf(context);
    if (rows.length === 0) return [];
    const ownNetworks = new Set((await networksOf(context)).map((row) => row.id));
    return rows.map((row) => ({
      ...row,
      isUsedByProject: (row.share_networks ?? []).some((id) => ownNetworks.has(id)),
    }));
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? row.type ?? undefined,
  blocked: (row) =>
    row.isUsedByProject
      ? temporaryBlocker('the share networks that use the security service must be deleted first')
      : undefined,
  async remove(row, { api }): Promise<Removal> {
    try {
      await api.request('DELETE', `/security-services/${encodeURIComponent(row.id)}`);
      return { kind: 'gone' };
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
  },
});
