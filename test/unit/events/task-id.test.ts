import { describe, expect, it } from '@jest/globals';
import { TaskId } from '../../../events/ids.ts';

const PREFIX = 'op-0123456789ab/nova/';

describe('the id of a task', () => {
  it.each(['RegionOne', 'région 1', 'a/b'])('may end with the region %p', (region) => {
    expect(TaskId.safeParse(PREFIX + region).success).toBe(true);
  });

  it.each([
    ['no region', ''],
    ['U+0000', 'a\0'],
    ['half a character', 'a\uD800'],
    ['U+FFFF', 'a\uFFFF'],
  ])('is refused with %s', (_, region) => {
    expect(TaskId.safeParse(PREFIX + region).success).toBe(false);
  });
});
