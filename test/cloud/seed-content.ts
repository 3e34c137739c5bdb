import { uuid } from './resource-store.ts';
import type { Image, Project } from './rows.ts';
import type { Size } from './seed.ts';
import type { CloudState } from './state.ts';
import { type Container, newAccount, newContainer, put } from './swift-state.ts';

/**
 * Images: protected, hidden, shared with members, community, deactivated, both protected and
 * hidden; and a metadef namespace.
 */
export function fillImages(
  state: CloudState,
  project: Project,
  size: Size,
  neighbor: string,
): void {
  let created_at = state.clock.now() - 7_200_000;
  const add = (name: string, more: Partial<Image> = {}): Image => {
    created_at += 1000;
    return state.images.images.add({
      id: uuid(),
      name,
      owner: project.id,
      visibility: 'private',
      os_hidden: false,
      protected: false,
      status: 'active',
      size: 5,
      members: new Map(),
      inUse: false,
      created_at,
      updated_at: created_at,
      ...more,
    });
  };
  for (let n = 0; n < size.images; n++) add(`image-${n}`);
  add('protected', { protected: true });
  add('hidden', { os_hidden: true });
  add('hidden-and-protected', { os_hidden: true, protected: true });
  add('community', { visibility: 'community' });
  add('shared', { visibility: 'shared', members: new Map([[neighbor, 'accepted']]) });
  add('deactivated', { status: 'deactivated' });
  state.images.namespaces.add({
    id: `${project.name}::${project.id.slice(0, 8)}`,
    owner: project.id,
    visibility: 'private',
    protected: true,
    created_at,
  });
}

/** Names that clients without proper escaping cannot handle. */
export const awkwardNames = [
  'a/b ü%?',
  ' leading and trailing ',
  'a//b',
  '100%',
  '#hash&amp=1',
  '日本/語',
  '😀',
  '！',
  'with\ttab',
  '..',
  'plus+plus',
];

/**
 * Containers with objects. Among them are objects with unusual names, a static large object with
 * its segments, and a versioned container.
 */
export function fillObjects(state: CloudState, project: Project, size: Size): void {
  const now = state.clock.now();
  const account = newAccount(`AUTH_${project.id}`, now);
  state.accounts.set(account.name, account);
  const container = (name: string): Container => {
    const made = newContainer(name, now);
    account.containers.set(name, made);
    return made;
  };
  const object = (
    into: Container,
    name: string,
    more: { segments?: string[]; versionId?: string; marker?: boolean } = {},
  ): void => void put(into, { name, bytes: 5, contentType: 'text/plain', modified: now, ...more });
  for (let n = 0; n < size.containers; n++) {
    const each = container(`container-${n}`);
    for (let o = 0; o < size.objectsPerContainer; o++) object(each, `object-${o}`);
  }
  const awkward = container('awkward ü %');
  for (const name of awkwardNames) object(awkward, name);
  const segments = container('large_segments');
  for (const n of [0, 1]) object(segments, `large/${n}`);
  object(container('large'), 'large', {
    segments: ['/large_segments/large/0', '/large_segments/large/1'],
  });
  const versioned = container('versioned');
  versioned.versioning = 'enabled';
  for (const [n, name] of ['kept', 'kept', 'deleted', 'deleted'].entries())
    object(versioned, name, {
      versionId: `1795412829.${10_000 + n}`,
      ...(n === 3 && { marker: true }),
    });
  container('empty');
}
