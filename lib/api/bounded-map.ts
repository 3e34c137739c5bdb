/**
 * Sets `key` as the newest entry of a map, and drops the oldest entries above `maxEntries`. The
 * cost does not depend on the size of the map.
 */
export function setNewest<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  maxEntries: number,
): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= maxEntries) return;
    map.delete(oldest);
  }
}
