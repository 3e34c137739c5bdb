import type { Protection } from '../../lib/cleanup/laws.ts';
import type { Service } from '../../lib/cleanup/service.ts';
import type { Engine } from '../../lib/engine/port.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import type { Mode } from '../../lib/operation/model.ts';

export interface ApiPorts {
  readonly engine: Engine;
  readonly mode: Mode;
  readonly cloud: Pick<Cloud, 'keystone' | 'acts' | 'catalog' | 'regionsOf'>;
  readonly services: readonly Service[];
  /** Services that are off by default and that the settings ask for. */
  readonly optedIn: readonly string[];
  /** Services of the operator's own that are asked over HTTP, and may report here. */
  readonly remotes: readonly string[];
  /** Somebody before this door has asked the caller who he is: API Gateway, by his signature. */
  readonly authenticated?: true;
  readonly protection: () => Promise<Protection>;
  /** What `/healthz` tells beside the database. `ok: false` makes it 503. */
  health(): { readonly ok: boolean; readonly [part: string]: unknown };
  now(): number;
}

/** An error as every route answers it. */
export const problem = (code: string, message: string) => ({ error: { code: `api.${code}`, message } });

/** Without the fields that are undefined. */
export const defined = <T extends object>(object: T) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
