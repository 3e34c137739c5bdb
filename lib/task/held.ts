import { HOLD_TAG } from '../../events/hold.ts';
import type { Blocker } from './resource-type.ts';

/** The blocker of a resource that has {@link HOLD_TAG} in its metadata. */
export const HELD_BLOCKER: Blocker = {
  message: `the resource has ${HOLD_TAG} in its metadata, which holds it`,
  actor: 'operator',
  isHold: true,
  advice: `To continue, remove ${HOLD_TAG} from its metadata. The removal follows within minutes.`,
};
