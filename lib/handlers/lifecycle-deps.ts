import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { Mode } from '../operation/model.ts';
import type { KnownServices } from '../operation/snapshot.ts';
import type { Policy } from '../policy/schema.ts';
import type { Log } from '../shared/log.ts';
import type { PluginAction } from '../shared/setting-values.ts';
import type { Protection } from '../task/safety-rules.ts';
import type { Service } from '../task/service.ts';

/** The dependencies of the coordinator for suspend, resume and provision. */
export interface LifecycleDeps extends Omit<KnownServices, 'services'> {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly cloud: Pick<Cloud, 'keystone' | 'registry'>;
  readonly services: readonly Service[];
  readonly mode: Mode;
  /** The actions that each HTTP plugin supports, by the name of the plugin. */
  readonly pluginActions?: Readonly<Record<string, readonly PluginAction[]>>;
  /** The policy file. If there is none, a disabled project is only reported. */
  readonly policy?: Policy;
  readonly protectedIds: Pick<Protection, 'projects' | 'domains'>;
  readonly protection: () => Promise<Protection>;
  readonly log?: Pick<Log, 'warn'> | undefined;
  now(): number;
}
