import type { CloudClock } from './clock.ts';

/** The behavior of the rehearsal cloud. Every value has a default. */
export interface Options {
  readonly clock: CloudClock;
  /** Milliseconds from the acceptance of a deletion until the resource is gone. */
  readonly durations: {
    readonly server: number;
    readonly volume: number;
    readonly snapshot: number;
    readonly backup: number;
    readonly group: number;
    readonly groupSnapshot: number;
    /** The delay of Swift's reaper after the account was marked as deleted. */
    readonly account: number;
    /** The duration of a slow deletion in a service beyond the core. */
    readonly documented: number;
  };
  readonly region: string;
  /** Roles of the cloud's admin on the `admin` project. */
  readonly adminRoles: readonly string[];
  readonly tokenSeconds: number;
  /** The highest microversions, by default those of the real lab. */
  readonly microversions: {
    readonly compute: string;
    readonly volume: string;
    readonly placement: string;
  };
  /** Nova's `reclaim_instance_interval` in seconds: above 0 a DELETE is a soft delete. */
  readonly reclaimInterval: number;
  /**
   * False: no cinder-backup runs, so Cinder answers deletions of backups with a 404 about the
   * service, as in the lab.
   */
  readonly backupService: boolean;
  /** False: the backup driver does not support force, so `os-force_delete` answers 405. */
  readonly backupForce: boolean;
  /**
   * True if Cinder deletes the default type of a deleted project, as newer releases do. The lab's
   * release (Zed) answers 404 about the project, and the row stays forever.
   */
  readonly defaultTypesOfGoneProjects: boolean;
  /** Swift's `allow_account_management`. */
  readonly accountManagement: boolean;
  /** The largest page of Nova and Cinder (`max_limit`, `osapi_max_limit`). */
  readonly pageLimit: number;
  /** The largest page of Swift's listings. */
  readonly swiftPageLimit: number;
  /**
   * The delay in milliseconds of a container's listing. During it Swift refuses to delete the
   * container, although its list is empty.
   */
  readonly swiftLag: number;
  /** Neutron extensions that this cloud lacks, by alias. */
  readonly withoutExtensions: readonly string[];
  /** Neutron extensions of later releases that this cloud has, by alias. */
  readonly moreExtensions: readonly string[];
}

export const defaults: Omit<Options, 'clock'> = {
  durations: {
    server: 300,
    volume: 200,
    snapshot: 200,
    backup: 300,
    group: 300,
    groupSnapshot: 200,
    account: 500,
    documented: 200,
  },
  region: 'RegionOne',
  adminRoles: ['admin', 'member', 'reader', 'ResellerAdmin'],
  tokenSeconds: 14_400,
  microversions: { compute: '2.93', volume: '3.70', placement: '1.39' },
  reclaimInterval: 0,
  backupService: true,
  backupForce: true,
  defaultTypesOfGoneProjects: true,
  accountManagement: true,
  pageLimit: 1000,
  swiftPageLimit: 10_000,
  swiftLag: 0,
  withoutExtensions: [],
  moreExtensions: [],
};
