import type { Counts } from '../../events/service.ts';

/** The limits of a run of one service: its deadline, and whether it may continue with changes. */
export interface RunControl {
  readonly service: string;
  /** Epoch milliseconds after which no change begins. */
  readonly deadline: number;
  readonly stopping?: AbortSignal | undefined;
  /**
   * Called before each change. Returns false if the operation is no longer `running`, or if an
   * operator has stopped all changes. For a provision, also returns false if the operation has a
   * hold, or if a cleanup of the account is open.
   */
  mayContinue(): Promise<boolean>;
  readonly onCounts?: ((counts: Counts) => void) | undefined;
}
