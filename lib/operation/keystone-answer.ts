import type { UserId } from '../../events/ids.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Scope } from './model.ts';
import type { CloudSnapshot } from './snapshot.ts';

/**
 * Keystone's answer about the account (safety rule "Keystone decides"). `unknown`: Keystone gave no
 * answer, or its answer is uncertain.
 */
export type KeystoneAnswer =
  /** `cloud` is set only if the tasks are not planned yet. */
  | {
      readonly kind: 'absent';
      readonly cloud: CloudSnapshot | undefined;
      /** The account in the inventory; `undefined` if the inventory does not have it. */
      readonly known?: Scope | undefined;
    }
  /** `alive` is set when an administrator requested the cleanup. */
  | {
      readonly kind: 'present';
      readonly enabled: boolean;
      readonly alive?: CloudSnapshot & {
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
   * The account is deleted, and it is protected. Its resources are kept (safety rule "Never the
   * cloud's own").
   */
  | { readonly kind: 'protected'; readonly because: string }
  /** Another account exists, and a database may treat the two ids as equal. */
  | { readonly kind: 'alike'; readonly living: string }
  | { readonly kind: 'unknown'; readonly error: ErrorReport };
