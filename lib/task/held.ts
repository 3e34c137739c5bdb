import { HOLD_TAG } from '../../events/hold.ts';
import type { Blocker } from './resource-type.ts';

/** The blocker of a resource that has {@link HOLD_TAG} in its metadata. */
export const HELD_BLOCKER: Blocker = {
  message: `the metadata of the resource contains ${HOLD_TAG}, which keeps the resource`,
  actor: 'operator',
  isHold: true,
  advice:
    `To continue, remove ${HOLD_TAG} from the metadata. The propagator then removes the resource ` +
    'within minutes.',
};
