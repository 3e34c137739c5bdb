import type { Call } from './http.ts';
import { type Account, type Container, put, type StoredObject } from './swift-state.ts';

const STACK = 'x-versions-location';
const HISTORY = 'x-history-location';

/** Switches the old versioning on or off. The versions go to another container of the account. */
export function setOldVersioning(container: Container, call: Call): void {
  for (const name of [STACK, HISTORY]) {
    const wanted = call.headers[name];
    if (wanted !== undefined && wanted !== '') container.headers[name] = String(wanted);
    if (wanted === '' || call.headers[name.replace('x-', 'x-remove-')])
      delete container.headers[name];
  }
}

const MARKER = 'application/x-deleted;swift_versions_deleted=1';

/**
 * The effect of a DELETE in such a container, seen on 2.30. With a stack, the previous version
 * returns. With a history, Swift keeps a copy and a marker. Returns true if an older version of the
 * object still exists.
 */
export function deleteWithOldVersioning(
  account: Account,
  container: Container,
  name: string,
  now: number,
): boolean {
  const history = container.headers[HISTORY];
  const archive = account.containers.get(history ?? container.headers[STACK] ?? '');
  const current = container.objects.get(name);
  if (!archive || !current) return false;
  const prefix = `${name.length.toString(16).padStart(3, '0')}${name}/`;
  const kept: StoredObject[] = [...archive.objects.values()].filter((row) =>
    row.name.startsWith(prefix),
  );
  if (history !== undefined) {
    for (const contentType of [current.contentType, MARKER])
      put(archive, {
        ...current,
        name: `${prefix}${(now / 1000).toFixed(5)}-${kept.length}-${contentType === MARKER}`,
        contentType,
      });
    return false;
  }
  const before = kept.sort((a, b) => (a.name < b.name ? -1 : 1)).at(-1);
  if (!before) return false;
  archive.objects.delete(before.name);
  put(container, { ...before, name });
  return true;
}
