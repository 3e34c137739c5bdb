import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { ApprovalRules } from '../operation/approval.ts';
import type { Mode } from '../operation/model.ts';
import type { Policy } from '../policy/schema.ts';
import type { Protection } from '../task/safety-rules.ts';
import type { Service } from '../task/service.ts';
import type { Authentication } from './authentication.ts';
import type { ErrorDeps } from './errors.ts';
import type { WatchTimes } from './watch.ts';

export interface ApiDeps {
  readonly engine: Engine;
  readonly mode: Mode;
  /**
   * The policy file. Without it, resources are changed only after a deletion, or at the request of
   * an operator.
   */
  readonly policy?: Policy;
  readonly cloud: Pick<
    Cloud,
    'keystone' | 'projectAdmin' | 'domainAdmin' | 'registry' | 'missingAccess' | 'api'
  >;
  readonly services: readonly Service[];
  /** Services that are off by default and that the settings enable. */
  readonly optedInServices: readonly string[];
  /**
   * The names of the HTTP plugins: services of the operator that the propagator calls over HTTP.
   * They report the results of their tasks to this API.
   */
  readonly httpPlugins: readonly string[];
  readonly authentication: Authentication;
  /** The log for errors, with the request id of the response. */
  readonly log: ErrorDeps['log'];
  /** Called for each request that ends in an unexpected error. */
  readonly onUnexpectedError?: () => void;
  /**
   * The rules for two approvals and for resources that appear after a plan. By default one approval
   * is sufficient, and at most 10 resources or 5 % of the plan may appear, whichever is more.
   */
  readonly approvalRules?: ApprovalRules;
  /** False on Lambda, which sends a response only as a whole. Default true. */
  readonly canStream?: boolean;
  /** Intervals of the event streams; tests shorten them. */
  readonly watchTimes?: WatchTimes;
  readonly protection: () => Promise<Protection>;
  /** The parts of `/healthz` other than the database. `ok: false` means the status 503. */
  health(): { readonly ok: boolean; readonly [part: string]: unknown };
  now(): number;
}

/** Drops the fields that are undefined. */
export const withoutUndefined = <T extends object>(object: T) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
