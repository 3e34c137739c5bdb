import { defineService } from '../task/service.ts';

export const ceilometer = defineService({
  name: 'ceilometer',
  catalogTypes: ['meter', 'metering', 'telemetry'],
  noProjectResources:
    'it has had no API since Queens, so that an entry in the catalog is an old one; what it measured lies in Gnocchi',
});
