import { type Cloud, text } from '../cloud.ts';
import { IN_ALL_PROJECTS, type ListedResource } from './table.ts';

/**
 * Returns the records of all zones. The PTR record of a floating IP is in a zone of Designate
 * itself, and its owner is the floating IP's. The record of a deleted floating IP has no owner, but
 * is still part of the snapshot. The listing omits the records that a zone needs. Designate
 * increases the serial number of the SOA record, and the owner of the NS record of a reverse zone
 * is the project that set the first PTR record.
 */
export async function listRecords(
  cloud: Cloud,
  found: readonly ListedResource[],
): Promise<ListedResource[]> {
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
    .filter((row) => !isZoneRecord(row))
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

const isZoneRecord = (row: ListedResource['row']): boolean =>
  row.type === 'SOA' || (row.type === 'NS' && row.name === row.zone_name);
