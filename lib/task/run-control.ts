import type { Counts } from '../../events/service.ts';

/** The limits of a run of one service: its deadline, and whether it may continue with changes. */
export interface RunControl {
  readonly service: string;
  /** Epoch milliseconds after which no change begins. */
  readonly deadline: number;
  readonly stopping?: AbortSignal | undefined;
  /**
   * Called before each change. Returns false if the state in Keystone has changed, a later
   * operation has superseded this one, or the run is held.
   */
  mayContinue(): Promise<boolean>;
  readonly onCounts?: ((counts: Counts) => void) | undefined;
}
