import type { UserId } from '../../events/ids.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Scope } from './model.ts';
import type { CloudSnapshot } from './snapshot.ts';

/** Keystone's answer about the account of an operation (safety rule "Keystone decides"). */
export type KeystoneAnswer =
  /** Keystone answered 404. */
  | {
      readonly kind: 'absent';
      /** The services of the cloud. Set only if the tasks are not planned yet. */
      readonly cloudSnapshot: CloudSnapshot | undefined;
      /** The account in the inventory; `undefined` if the inventory does not have it. */
      readonly recordedScope?: Scope | undefined;
    }
  /** Keystone shows the account. */
  | {
      readonly kind: 'present';
      readonly enabled: boolean;
      /**
       * The data for the cleanup or the plan of an existing project. Set only if an administrator
       * requested the operation.
       */
      readonly deletionFacts?: CloudSnapshot & {
        readonly roles: readonly string[];
        readonly members: readonly UserId[];
      };
    }
  /** An administrator requested the deletion of a domain, and Keystone shows it. */
  | { readonly kind: 'domain'; readonly enabled: boolean }
  /**
   * The project exists, and Keystone would refuse to disable or delete it (safety rule "Know the
   * end before the beginning").
   */
  | { readonly kind: 'blocked'; readonly message: string; readonly advice: string }
  /**
   * Keystone answered 404, and the account is protected. Its resources are kept (safety rule "Never
   * the cloud's own").
   */
  | { readonly kind: 'protected'; readonly because: string }
  /** Keystone shows another account, and a database may treat its id (`similarId`) as equal. */
  | { readonly kind: 'alike'; readonly similarId: string }
  /** Keystone gave no answer, or its answer is uncertain. */
  | { readonly kind: 'unknown'; readonly error: ErrorReport };
