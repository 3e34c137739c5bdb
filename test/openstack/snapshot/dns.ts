import { type Cloud, text } from '../cloud.ts';
import { type Found, IN_ALL_PROJECTS } from './table.ts';

/**
 * Records of all zones. The PTR record of a floating IP stands in a zone of Designate's own: it is
 * the floating IP's owner's. Of one that is gone it is nobody's, but still among everything. SOA
 * records are left out: they count up by themselves.
 */
export async function records(cloud: Cloud, found: readonly Found[]): Promise<Found[]> {
  const addresses = new Map(
    found
      .filter((one) => one.resourceType === 'neutron.floating-ip')
      .map((one) => [String(one.row.floating_ip_address), one.owner]),
  );
  const rows = await cloud.admin.rows(
    'dns',
    '/recordsets?limit=1000',
    'recordsets',
    IN_ALL_PROJECTS,
  );
  return rows
    .filter((row) => row.type !== 'SOA')
    .map(({ version: _version, status: _status, action: _action, ...row }) => {
      const name = text(row, 'name');
      const holder =
        row.type === 'PTR'
          ? addresses.get(name.split('.').slice(0, 4).reverse().join('.'))
          : undefined;
      const owner = holder ?? String(row.project_id ?? '');
      return {
        resourceType: holder === undefined ? 'designate.recordset' : 'designate.ptr-record',
        id: text(row, 'id'),
        name,
        owner,
        row,
      };
    });
}
