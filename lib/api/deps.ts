import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { Mode } from '../operation/model.ts';
import type { Protection } from '../task/safety-rules.ts';
import type { Service } from '../task/service.ts';
import type { Authentication } from './authentication.ts';
import type { ErrorDeps } from './errors.ts';

export interface ApiDeps {
  readonly engine: Engine;
  readonly mode: Mode;
  readonly cloud: Pick<Cloud, 'keystone' | 'keystoneActions' | 'registry' | 'access'>;
  readonly services: readonly Service[];
  /** Services that are off by default and that the settings ask for. */
  readonly optedIn: readonly string[];
  /** Services of the operator's own that are asked over HTTP, and may report here. */
  readonly httpPlugins: readonly string[];
  readonly authentication: Authentication;
  /** Where errors are logged, with the request id that the answer carries. */
  readonly log: ErrorDeps['log'];
  /** Called for each request that ends in an unexpected error. */
  readonly onUnexpected?: () => void;
  readonly protection: () => Promise<Protection>;
  /** What `/healthz` tells beside the database. `ok: false` makes it 503. */
  health(): { readonly ok: boolean; readonly [part: string]: unknown };
  now(): number;
}

/** Without the fields that are undefined. */
export const defined = <T extends object>(object: T) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
