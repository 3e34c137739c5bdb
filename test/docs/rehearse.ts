import { existsSync } from 'node:fs';
import type { KindName } from '../../events/ids.ts';
import { freshOnce } from '../../lib/cleanup/pass.ts';
import type { Kind, Reach, Service, Thing } from '../../lib/cleanup/service.ts';
import { PropagatorError } from '../../lib/errors.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { serviceNames, VirtualClock } from '../cloud/cloud.ts';
import type { Documented } from '../cloud/documented.ts';
import { Stage } from '../contract/emptying.ts';
import { paperReach } from './paper.ts';
import { Recorder } from './record.ts';

/** What one kind asks of its API, as it was seen to. */
export interface Calls {
  readonly list: readonly string[];
  readonly remove: readonly string[];
  /** The rehearsal cloud lacks it: asked of an API that would have one. */
  readonly isOnPaper: boolean;
}

const camel = (name: string): string => name.replace(/-(.)/g, (_dash, letter: string) => letter.toUpperCase());

/** The fake of a service beyond the core, if there is one: `test/cloud/documented/`. */
async function fakeOf(service: string): Promise<Documented | undefined> {
  const path = new URL(`../cloud/documented/${service}.ts`, import.meta.url);
  if (!existsSync(path)) return undefined;
  const module: Record<string, unknown> = await import(path.href);
  const fake = module[camel(service)];
  if (!isDocumented(fake)) throw new TypeError(`${path.pathname} exports no ${camel(service)}`);
  return fake;
}
const isDocumented = (value: unknown): value is Documented =>
  typeof value === 'object' && value !== null && 'open' in value && 'endpoint' in value;

/** Services that are asked with another role on the project than the administrator's; as in their contract tests. */
const ROLES: Readonly<Record<string, string>> = { trove: 'member' };
/** Ten seconds go by between two rounds; after so many, what is left is left. */
const MOST_ROUNDS = 12;

/**
 * The calls of every kind, from a run on the rehearsal cloud in which a project is emptied; `undefined` for a service that it does not have.
 * Early, with a token on the project, where the service wants that; else as after the project's end.
 */
export async function rehearse(service: Service): Promise<ReadonlyMap<KindName, Calls> | undefined> {
  const fake = await fakeOf(service.name);
  if (!fake && !serviceNames.some((name) => name === service.name)) return undefined;
  const clock = new VirtualClock();
  const stage = await Stage.open({ clock, with: fake ? [fake] : [] });
  try {
    stage.others = SERVICES.filter((other) => serviceNames.some((name) => name === other.name));
    if (service.early) await stage.grantCleaner(ROLES[service.name]);
    const onProject = service.early ? await stage.cloud.api(service, 'RegionOne', stage.project) : undefined;
    const reach = await stage.reach(service, { onProject, now: () => clock.now() });
    const known = new Map([
      [stage.project as string, '{project}'],
      [(await stage.cloud.ownProject()).id, '{own project}'],
      [stage.customer.user.id, '{user}'],
      ['0'.repeat(32), '{nobody}'],
    ]);
    const recorder = new Recorder(known);
    for (let rounds = 1; rounds <= MOST_ROUNDS; rounds += 1) {
      if (!(await oneRound(service, recorder.wrapReach(reach), recorder))) break;
      clock.advance(10_000);
    }
    const lacking = await kindsWithout(service, reach);
    for (const kind of lacking) await lookAndRemove(kind, recorder.wrapReach(paperReach(reach)), recorder);
    const calls = (kind: Kind): Calls => ({
      list: recorder.said(kind.name, 'list', service.name),
      remove: recorder.said(kind.name, 'remove', service.name),
      isOnPaper: lacking.includes(kind),
    });
    return new Map(service.kinds.map((kind) => [kind.name, calls(kind)]));
  } finally {
    await stage.close();
  }
}

/** One look at each kind in its order, and a removal of each thing; whether anything of the project was there. */
async function oneRound(service: Service, reach: Reach, recorder: Recorder): Promise<boolean> {
  let isSomethingThere = false;
  for (const kind of inOrder(service.kinds)) {
    // Each kind asks for itself what others may have asked already, so that its page is whole.
    const found = await lookAndRemove(kind, { ...reach, once: freshOnce() }, recorder);
    isSomethingThere ||= found;
  }
  return isSomethingThere;
}

async function lookAndRemove(kind: Kind, reach: Reach, recorder: Recorder): Promise<boolean> {
  const at = kind.needsLife?.class === 'C' && reach.onProject ? { ...reach, api: reach.onProject } : reach;
  recorder.about(kind.name, 'list');
  const { things } = await kind.look(at).catch(() => ({ things: [] }));
  recorder.learn(things.map(({ id }) => id));
  const ours = things.filter(({ owner }) => owner === reach.project);
  recorder.about(kind.name, 'remove');
  await removeAll(
    kind,
    ours.filter(({ blocked }) => !blocked),
    at,
  );
  return ours.length > 0;
}

/** Kinds of which the service file itself says that this cloud lacks them. */
async function kindsWithout(service: Service, reach: Reach): Promise<Kind[]> {
  const lacking: Kind[] = [];
  for (const kind of inOrder(service.kinds)) {
    const thrown = await kind.look({ ...reach, once: freshOnce() }).catch((error: unknown) => error);
    if (thrown instanceof PropagatorError && thrown.report.code.endsWith('.extension.absent')) lacking.push(kind);
  }
  return lacking;
}

/** One after the other, so that every run is the same; what one refuses is tried in the next round, as in earnest. */
async function removeAll(kind: Kind, things: readonly Thing[], reach: Reach): Promise<void> {
  const ignore = () => undefined;
  if (kind.together && things.length > 0) await kind.together.remove(things, reach).catch(ignore);
  else for (const thing of things) await thing.remove().catch(ignore);
}

/** Kinds behind those that they stand after or follow; beside that as the service file has them. */
export function inOrder(kinds: readonly Kind[]): Kind[] {
  const ordered: Kind[] = [];
  for (let open = [...kinds]; open.length > 0; ) {
    const names = open.map(({ name }) => name);
    const ready = open.filter((kind) => ![...kind.after, ...kind.follows].some((name) => names.includes(name)));
    ordered.push(...ready);
    open = open.filter((kind) => !ready.includes(kind));
  }
  return ordered;
}
