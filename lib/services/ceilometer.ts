import { defineService } from '../task/service.ts';

export const ceilometer = defineService({
  name: 'ceilometer',
  catalogTypes: ['meter', 'metering', 'telemetry'],
  noProjectResources:
    'it has no API since Queens, so its catalog entry is obsolete; Gnocchi ' +
    'stores its measurements',
});
