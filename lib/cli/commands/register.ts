import { type Command, InvalidArgumentError } from 'commander';
import type { IdentityApi } from '../../openstack/identity.ts';
import { OWN_REGISTRATION } from '../../services/keystone-propagator.ts';
import { PropagatorError } from '../../shared/errors.ts';
import { type OutputOptions, type Presentation, present, withOutputOptions } from '../format.ts';
import { catalogUrl } from '../registration/api-url.ts';
import { applyChanges } from '../registration/apply.ts';
import { readRows } from '../registration/keystone-rows.ts';
import {
  type CatalogChange,
  type EndpointInterface,
  INTERFACES,
  planRegister,
  planUnregister,
  type UnregisterPlan,
} from '../registration/plan.ts';
import type { Terminal } from '../terminal.ts';

interface UnregisterOptions extends OutputOptions {
  region?: string;
  plan?: true;
}
interface RegisterOptions extends UnregisterOptions {
  url: string;
  interface?: EndpointInterface[];
}
interface CatalogChangeResult {
  /** True if the changes were only printed. */
  readonly planned: boolean;
  readonly changes: readonly CatalogChange[];
  readonly kept: UnregisterPlan['kept'];
}

/** `register` and `unregister`: they manage the propagator's entry in Keystone's catalog. */
export function registerCommands(program: Command, terminal: Terminal): void {
  registerCommand(program, terminal);
  unregisterCommand(program, terminal);
}

function registerCommand(program: Command, terminal: Terminal): void {
  withOutputOptions(
    program.command('register'),
    'register --url https://propagator.example.org --region RegionOne',
  )
    .description("add this API to Keystone's catalog; a second run changes nothing")
    .requiredOption('--url <url>', 'the URL of the API, without /v1')
    .option('--region <region>', 'the region of the endpoints (OS_REGION_NAME)')
    .option(
      '--interface <interface>',
      `${INTERFACES.join(', ')} (default: public); may be repeated`,
      collectInterfaces,
    )
    .option('--plan', 'only print the changes')
    .action(
      async ({ url: givenUrl, region, interface: names, plan, ...output }: RegisterOptions) => {
        const url = catalogUrl(givenUrl);
        await withKeystone(terminal, async ({ api, regions }) => {
          const rows = await readRows(api);
          const desired = {
            url,
            region: chooseRegion(region, regions, rows.regions),
            interfaces: names ?? (['public'] as const),
          };
          const changes = planRegister(rows, desired);
          if (!plan && changes.length > 0) {
            await applyChanges(api, changes, rows);
            // Two administrators may have registered at the same time.
            assertNoChangeLeft(planRegister(await readRows(api), desired));
          }
          present(
            terminal,
            { planned: plan === true, changes, kept: [] },
            output,
            REGISTER_PRESENTATION,
          );
        });
      },
    );
}

function unregisterCommand(program: Command, terminal: Terminal): void {
  withOutputOptions(program.command('unregister'), 'unregister')
    .description("remove only the entries of `register` from Keystone's catalog")
    .option('--region <region>', 'only the endpoints of this region')
    .option('--plan', 'only print the changes')
    .action(({ region, plan, ...output }: UnregisterOptions) =>
      withKeystone(terminal, async ({ api }) => {
        const rows = await readRows(api);
        const { changes, kept } = planUnregister(rows, region);
        if (!plan && changes.length > 0) {
          await applyChanges(api, changes, rows);
          assertNoChangeLeft(planUnregister(await readRows(api), region).changes);
        }
        present(
          terminal,
          { planned: plan === true, changes, kept },
          output,
          unregisterPresentation(region),
        );
      }),
    );
}

function collectInterfaces(
  value: string,
  before: EndpointInterface[] | undefined,
): EndpointInterface[] {
  const name = INTERFACES.find((one) => one === value);
  if (!name) throw new InvalidArgumentError(`one of ${INTERFACES.join(', ')}`);
  return [...new Set([...(before ?? []), name])];
}

async function withKeystone(
  { openIdentity }: Terminal,
  work: (identity: IdentityApi) => Promise<void>,
): Promise<void> {
  const identity = await openIdentity?.();
  if (!identity) throw registerError('there is no login to Keystone', 'Set OS_CLOUD.');
  try {
    await work(identity);
  } finally {
    await identity.close();
  }
}

/**
 * Returns the region of the endpoints: the value of `--region`, else the only region of the
 * settings, else the only region of Keystone. An unknown region is refused here, because Keystone
 * would refuse it only after the service was created.
 */
function chooseRegion(
  optionRegion: string | undefined,
  settingsRegions: readonly string[],
  knownRegions: readonly string[],
): string {
  const region = optionRegion ?? onlyOf(settingsRegions) ?? onlyOf(knownRegions);
  if (region !== undefined && knownRegions.includes(region)) return region;
  throw registerError(
    `${region === undefined ? 'a region is needed' : `Keystone has no region ${region}`}; ` +
      'nothing was changed',
    knownRegions.length === 0
      ? 'Create it: openstack region create REGION'
      : `Give --region, one of: ${[...knownRegions].sort().join(', ')}`,
  );
}

const onlyOf = (regions: readonly string[]): string | undefined =>
  regions.length === 1 ? regions[0] : undefined;

function assertNoChangeLeft(remainingChanges: readonly CatalogChange[]): void {
  if (remainingChanges.length === 0) return;
  throw registerError(
    "Keystone's catalog differs from what this command has just written",
    'Another administrator may have changed it at the same time. Run the command again.',
  );
}

const registerError = (message: string, advice: string): PropagatorError =>
  new PropagatorError({ code: 'cli.register', class: 'Denied', message, advice });

const DONE_VERBS = { create: 'created', update: 'updated', delete: 'deleted' } as const;
const PLANNED_VERBS = {
  create: 'will be created',
  update: 'will be updated',
  delete: 'will be deleted',
} as const;

function changeText(change: CatalogChange, planned: boolean): string {
  const { type, url, before } = change;
  const verb = (planned ? PLANNED_VERBS : DONE_VERBS)[change.action];
  const id = change.id === undefined ? '' : ` (${change.id})`;
  if (type === 'service')
    return `service ${OWN_REGISTRATION.type}, name ${OWN_REGISTRATION.name}${id}: ${verb}`;
  const previousUrlText = before === undefined || before === url ? '' : `, before ${before}`;
  const locationText = `${change.interface} in ${change.region ?? 'no region'}`;
  return `endpoint ${locationText}${id}: ${verb}: ${url}${previousUrlText}`;
}

const presentationWith = (emptyText: string): Presentation<CatalogChangeResult, CatalogChange> => ({
  text: ({ planned, changes, kept }) =>
    [
      ...(changes.length === 0 ? [emptyText] : changes.map((one) => changeText(one, planned))),
      ...kept.map(
        ({ id, endpoints }) =>
          `The service ${id} is kept, because it has other endpoints: ${endpoints.join(', ')}`,
      ),
    ].join('\n'),
  rows: ({ changes }) => changes,
  columns: {
    Action: ({ action }) => action,
    Type: ({ type }) => type,
    ID: ({ id }) => id,
    Interface: ({ interface: name }) => name,
    Region: ({ region }) => region,
    URL: ({ url }) => url,
  },
});
const REGISTER_PRESENTATION = presentationWith(
  "Nothing to change: Keystone's catalog has this API already.",
);

/** `region`: the value of `--region`. Without it, `unregister` searches the whole catalog. */
function unregisterPresentation(region: string | undefined) {
  const regionText = region === undefined ? '' : ` in region ${region}`;
  return presentationWith(
    "Nothing to remove: Keystone's catalog has no entry made by `propagator register`" +
      `${regionText}.`,
  );
}
