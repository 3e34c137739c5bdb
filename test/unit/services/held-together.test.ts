import { deletionHoldDocument } from '../../../lib/handlers/deletion-holds.ts';
import { designateIn, designateWithShares } from '../../cloud/documented/designate.ts';
import { heat } from '../../cloud/documented/heat.ts';
import { heatIn } from '../../cloud/documented/heat-rows.ts';
import { trove } from '../../cloud/documented/trove.ts';
import { troveOf } from '../../cloud/documented/trove-rows.ts';
import type { Documented } from '../../cloud/documented.ts';
import type { Volume } from '../../cloud/rows.ts';
import {
  carryThrough,
  deliverAll,
  eachOperation,
  engine,
  expectControlsUnchanged,
  fixture,
  open,
} from './operation-fixture.ts';

eachOperation();

const state = () => fixture.rehearsal.state;
const ofProject = <Row extends { readonly project_id: string }>(rows: readonly Row[]): Row[] =>
  rows.filter((row) => row.project_id === fixture.project);

/** Stores a hold on a resource, or ends the hold. */
async function setHold(id: string, isHeld: boolean): Promise<void> {
  const hold = { target: 'resource', id, by: 'ann', reason: 'lawsuit', at: 0 } as const;
  const documents = [
    deletionHoldDocument('resource', id, isHeld ? 0 : 1, isHeld ? hold : undefined),
  ];
  expect(await engine.commit({ documents })).toBe('committed');
}

const blockedTypes = (): (string | undefined)[] =>
  [...engine.tasks.values()]
    .flatMap(({ conditions }) => conditions)
    .filter(({ isHold, message }) => isHold && message.includes('together with a held resource'))
    .map(({ resourceType }) => resourceType);

const someSubnet = () => ofProject(state().network.subnets.all())[0]?.id;
const volumeWhere = (isWanted: (volume: Volume) => boolean) =>
  ofProject(state().storage.volumes.all()).find(isWanted)?.id;
/** A volume that Nova deletes with its server. */
const volumeOfServer = () =>
  volumeWhere(({ id }) =>
    state().storage.attachments.some((one) => one.volume_id === id && one.delete_on_termination),
  );
const volumeOfGroup = () => volumeWhere(({ group_id }) => group_id !== null);
const someRecordset = () =>
  designateIn(state()).recordsets.where(
    (row) => row.project_id === fixture.project && !row.managed && !row.ptr,
  )[0]?.id;
const snapshotOfGroup = () =>
  ofProject(state().storage.snapshots.all()).find((one) => one.group_snapshot_id)?.id;

const configOfStack = () =>
  heatIn(state())
    .stacks.where((row) => row.project_id === fixture.project && row.name === 'configured')[0]
    ?.resources.at(0)?.physical;
const memberOfCluster = () =>
  troveOf(state()).instances.where(
    (row) => row.tenant_id === fixture.project && row.cluster_id !== null,
  )[0]?.id;
const incrementalBackup = () =>
  troveOf(state()).backups.where((row) => row.parent_id !== null)[0]?.id;

describe('a held resource that its service deletes together with another resource', () => {
  it.each<readonly [string, string, () => string | undefined, string, readonly Documented[]]>([
    ['a subnet', 'neutron.subnet', someSubnet, 'neutron.network', []],
    ['a volume of a server', 'cinder.volume', volumeOfServer, 'nova.server', []],
    ['a volume of a group', 'cinder.volume', volumeOfGroup, 'cinder.group', []],
    ['a snapshot of a group', 'cinder.snapshot', snapshotOfGroup, 'cinder.group-snapshot', []],
    [
      'a recordset of a zone',
      'designate.recordset',
      someRecordset,
      'designate.zone',
      [designateWithShares],
    ],
    ['a resource of a stack', 'heat.software-config', configOfStack, 'heat.stack', [heat]],
    ['a member of a cluster', 'trove.instance', memberOfCluster, 'trove.cluster', [trove]],
    ['an incremental backup', 'trove.backup', incrementalBackup, 'trove.backup', [trove]],
  ])('also keeps the other resource (%s)', async (_, type, idOf, otherType, releases) => {
    await open({ with: releases });
    const id = idOf() ?? '';
    expect(id).not.toBe('');
    await setHold(`${type}/${id}`, true);
    await carryThrough(() => undefined);
    expect(blockedTypes()).toEqual([otherType]);
    const left = fixture.rehearsal.store.resources(fixture.project);
    expect(left.map((resource) => resource.id)).toContain(id);
    expect(left.find((resource) => resource.id === id)).not.toMatchObject({ status: 'deleting' });
    await setHold(`${type}/${id}`, false);
    await deliverAll(() => undefined);
    const leftAtEnd = fixture.rehearsal.store.resources(fixture.project);
    expect(leftAtEnd.map((resource) => resource.id)).not.toContain(id);
    expectControlsUnchanged();
  });
});
