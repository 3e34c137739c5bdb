import * as z from 'zod';

/** An option that the policy file can choose for a service. */
export interface SuspendOption {
  /** The effect of the option in a suspension. */
  readonly does: string;
  /** The state that a resume cannot restore, or the effect on other projects. */
  readonly loses?: string;
}

/**
 * The options of one service. The policy file can also contain `none`, which excludes the service
 * from suspensions.
 */
interface ServiceSuspendOptions {
  readonly default: string;
  readonly options: Readonly<Record<string, SuspendOption>>;
}

/** The values that the policy file accepts under `suspend`, by service. */
export const SUSPEND_OPTIONS = {
  aodh: { default: 'off', options: { off: { does: 'disables alarms' } } },
  octavia: {
    default: 'down',
    options: { down: { does: 'sets load balancers administratively down' } },
  },
  swift: {
    default: 'close',
    options: {
      close: {
        does: 'removes public access, and changes the keys of temporary URLs until the resume',
      },
    },
  },
  nova: {
    default: 'stop',
    options: {
      stop: { does: 'locks and stops servers' },
      pause: {
        does: 'locks and pauses servers, which keep their memory',
        loses:
          'the memory of paused servers stays on the host, and is lost if the host restarts or ' +
          'fails',
      },
      shelve: {
        does: 'locks and shelves servers, which frees their hosts',
        loses:
          'shelved servers lose their memory and their host: a resume fails while no host ' +
          'has room; until the resume, a server that boots from an image is stored as an image ' +
          'in the project of the propagator',
      },
    },
  },
  zun: {
    default: 'stop',
    options: { stop: { does: 'stops running containers' } },
  },
  glance: {
    default: 'none',
    options: {
      deactivate: {
        does: 'deactivates the images that the project shows to others',
        loses:
          'other projects cannot boot, rebuild or rescue a server from these images until ' +
          'the resume',
      },
    },
  },
  neutron: {
    default: 'none',
    options: {
      'routers-down': {
        does: 'sets routers administratively down',
        loses:
          'connections through the routers and their floating IP addresses break. These include ' +
          'VPN connections and connections to load balancers, even if the load balancers stay up',
      },
    },
  },
  trove: {
    default: 'none',
    options: {
      stop: {
        does: 'stops the database of each instance',
        loses:
          'a database loses its cache and its connections, and the resume restarts the ' +
          'database, which also applies pending configuration changes',
      },
    },
  },
  ironic: {
    default: 'none',
    options: {
      'power-off': {
        does: 'powers off machines that the project owns or leases and that Nova does not use',
        loses:
          'machines lose their memory, and a machine whose system ignores the request keeps ' +
          'running',
      },
    },
  },
} as const satisfies Readonly<Record<string, ServiceSuspendOptions>>;

/** The name that {@link chosenOptionNames} returns for `quotas.SERVICE: zero`. */
export const ZERO_QUOTA = 'quota-zero';

/** The services whose limits can be set to zero. */
export const QUOTA_SERVICES = ['nova', 'cinder', 'neutron', 'octavia', 'manila'] as const;

/** The state that a resume cannot restore after `quotas.SERVICE: zero`. */
const ZERO_QUOTA_LOSS =
  'if a project has no limits of its own, the resume gives it the default limits that applied at ' +
  'the suspension. Later changes of the defaults no longer affect the project';

/** The choice of the policy file for one service. */
export interface ChosenOption {
  /** The choice as the file shows it: `nova: pause`, `quotas.nova: zero`. */
  readonly text: string;
  readonly does: string;
  readonly loses?: string | undefined;
}

const optionsByService: Readonly<Record<string, ServiceSuspendOptions>> = SUSPEND_OPTIONS;

const optionSchema = (serviceOptions: ServiceSuspendOptions) => {
  const names = [...Object.keys(serviceOptions.options), 'none'];
  const choices = `${names.slice(0, -1).join(', ')} or none`;
  return z.enum(names, { error: `write ${choices}` }).default(serviceOptions.default);
};

const quotaSchema = z.enum(['zero', 'none'], { error: 'write zero or none' }).default('none');

/** The part `suspend` of the policy file. */
export const SuspendOptions = z.strictObject({
  ...(Object.fromEntries(
    Object.entries(optionsByService).map(([name, service]) => [name, optionSchema(service)]),
  ) as Record<keyof typeof SUSPEND_OPTIONS, ReturnType<typeof optionSchema>>),
  quotas: z
    .strictObject(
      Object.fromEntries(QUOTA_SERVICES.map((name) => [name, quotaSchema])) as Record<
        (typeof QUOTA_SERVICES)[number],
        typeof quotaSchema
      >,
    )
    .prefault({}),
});
export type SuspendOptions = z.infer<typeof SuspendOptions>;

/**
 * True if the policy file can choose options for the service. A service without options, for
 * example a plugin, is always suspended.
 */
export const hasSuspendOptions = (service: string): boolean =>
  Object.hasOwn(optionsByService, service) || QUOTA_SERVICES.some((name) => name === service);

/**
 * Returns the names of the options that the policy chooses for a service. The result is empty if
 * the policy excludes the service.
 */
export function chosenOptionNames(
  service: string,
  { quotas, ...options }: SuspendOptions,
): string[] {
  const optionByService: Readonly<Record<string, string>> = options;
  const quotaByService: Readonly<Record<string, string>> = quotas;
  const option = optionByService[service];
  return [
    ...(option === undefined || option === 'none' ? [] : [option]),
    ...(quotaByService[service] === 'zero' ? [ZERO_QUOTA] : []),
  ];
}

/**
 * Returns the chosen options of a policy that have a loss, with a description of the loss for the
 * operator.
 */
export function optionsWithLoss({ quotas, ...options }: SuspendOptions): ChosenOption[] {
  const serviceChoices = Object.entries(options).flatMap(([name, option]): ChosenOption[] => {
    const optionDefinition = optionsByService[name]?.options[option];
    return optionDefinition ? [{ text: `${name}: ${option}`, ...optionDefinition }] : [];
  });
  const quotaChoices = Object.entries(quotas).flatMap(([name, option]): ChosenOption[] =>
    option === 'zero'
      ? [
          {
            text: `quotas.${name}: zero`,
            does: 'sets the limits of the project to zero',
            loses: ZERO_QUOTA_LOSS,
          },
        ]
      : [],
  );
  return [...serviceChoices, ...quotaChoices].filter(({ loses }) => loses !== undefined);
}
