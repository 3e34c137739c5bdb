import * as z from 'zod';
import { OWN_REGISTRATION } from '../../services/keystone-propagator.ts';
import type { ServiceApi } from '../../task/service.ts';
import {
  type CatalogRows,
  isMadeByRegister,
  OWN_DESCRIPTION,
  rethrowWithAdminAdvice,
} from './keystone-rows.ts';
import type { CatalogChange } from './plan.ts';

const CreatedService = z.object({ service: z.object({ id: z.string() }) });

/**
 * Makes the changes in their order. If a change fails, the earlier changes stay, and the same
 * command can be run again.
 */
export async function applyChanges(
  api: ServiceApi,
  changes: readonly CatalogChange[],
  { services }: CatalogRows,
): Promise<void> {
  let serviceId = services.find(isMadeByRegister)?.id;
  for (const change of changes) {
    const answer = await sendChange(api, change, serviceId).catch(rethrowWithAdminAdvice);
    if (change.action === 'create' && change.type === 'service')
      serviceId = CreatedService.parse(answer.json).service.id;
  }
}

function sendChange(api: ServiceApi, change: CatalogChange, serviceId: string | undefined) {
  const path = `/v3/${change.type}s`;
  if (change.action === 'create')
    return api.request('POST', path, { json: { [change.type]: newRow(change, serviceId) } });
  const rowPath = `${path}/${encodeURIComponent(change.id ?? '')}`;
  if (change.action === 'delete') return api.request('DELETE', rowPath, { accept: [404] });
  const { url } = change;
  const json = { [change.type]: { enabled: true, ...(url === undefined ? {} : { url }) } };
  return api.request('PATCH', rowPath, { json });
}

const newRow = (change: CatalogChange, serviceId: string | undefined) =>
  change.type === 'service'
    ? {
        type: OWN_REGISTRATION.type,
        name: OWN_REGISTRATION.name,
        description: OWN_DESCRIPTION,
        enabled: true,
      }
    : {
        service_id: serviceId,
        interface: change.interface,
        // `region_id`, because Keystone would create an unknown region for the field `region`.
        region_id: change.region,
        url: change.url,
        description: OWN_DESCRIPTION,
        enabled: true,
      };
