import { assertValidDependencies } from '../operation/service-dependencies.ts';
import type { Service } from '../task/service.ts';
import { aetos } from './aetos.ts';
import { aodh } from './aodh.ts';
import { barbican } from './barbican.ts';
import { blazar } from './blazar.ts';
import { ceilometer } from './ceilometer.ts';
import { cinder } from './cinder.ts';
import { cloudkitty } from './cloudkitty.ts';
import { cyborg } from './cyborg.ts';
import { designate } from './designate.ts';
import { freezer } from './freezer.ts';
import { glance } from './glance.ts';
import { gnocchi } from './gnocchi.ts';
import { heat } from './heat.ts';
import { ironic } from './ironic.ts';
import { ironicInspector } from './ironic-inspector.ts';
import { keystone } from './keystone.ts';
import { keystonePropagator } from './keystone-propagator.ts';
import { magnum } from './magnum.ts';
import { manila } from './manila.ts';
import { masakari } from './masakari.ts';
import { mistral } from './mistral.ts';
import { neutron } from './neutron.ts';
import { nova } from './nova.ts';
import { octavia } from './octavia.ts';
import { placement } from './placement.ts';
import { swift } from './swift.ts';
import { tacker } from './tacker.ts';
import { trove } from './trove.ts';
import { watcher } from './watcher.ts';
import { zaqar } from './zaqar.ts';
import { zun } from './zun.ts';

/** All supported services. A test fails if a file in this folder is missing here. */
export const SERVICES: readonly Service[] = [
  nova,
  cinder,
  neutron,
  glance,
  swift,
  barbican,
  manila,
  keystone,
  heat,
  gnocchi,
  zun,
  octavia,
  designate,
  magnum,
  tacker,
  mistral,
  aodh,
  zaqar,
  ironic,
  freezer,
  trove,
  cloudkitty,
  cyborg,
  masakari,
  watcher,
  placement,
  ceilometer,
  aetos,
  ironicInspector,
  blazar,
  keystonePropagator,
];
assertValidDependencies(SERVICES);
