import type * as z from 'zod';
import type { CommonContext, ProjectContext, UserContext } from './context.ts';

/** The context of every provision. */
export interface AnyProvisionContext extends CommonContext {
  /**
   * False while the state is only compared. Calls with the side effect of creating a resource are
   * then forbidden (safety rule "Listing must not create").
   */
  readonly mayCreate: boolean;
}

/** What a service file may use while a user is provisioned. */
export interface UserProvisionContext extends AnyProvisionContext, UserContext {
  /** The domain of the user; `undefined` if it is not known. */
  readonly userDomain: string | undefined;
}

/** What a service file may use while a project is provisioned. */
export interface ProvisionContext extends AnyProvisionContext, ProjectContext {
  /** The name of the project; `undefined` if it is not known. */
  readonly projectName: string | undefined;
  /** Returns the value that {@link record} stored for the project, the service and the region. */
  recorded(key: string): Promise<unknown>;
  /**
   * Stores the values that were set, for a service that cannot show them. Small JSON without
   * secrets.
   */
  record(key: string, value: unknown): Promise<void>;
}

/** One setting or resource that a profile names, compared with what the service lists. */
export interface ProvisionItem {
  /** The resource type within the service: `quota`, `network`. */
  readonly type: string;
  /** The name within the type: `cores`, or the name of the network. */
  readonly name: string;
  /**
   * `as-wanted`: nothing has to be done. `missing`: it does not exist, or it has the default value.
   * `differs`: it has another value that a user or an operator set. `waiting`: it needs other items
   * first, or the service is still changing it. `blocked`: a person must act first.
   */
  readonly state: 'as-wanted' | 'missing' | 'differs' | 'waiting' | 'blocked';
  readonly wanted: string;
  readonly found?: string | undefined;
  /** The reason for `waiting` or `blocked`. */
  readonly message?: string;
  readonly advice?: string;
  /**
   * Creates the item, or changes it to the wanted value. It must be repeatable. For items with the
   * same function it is called once.
   */
  readonly make?: (() => Promise<void>) | undefined;
  /**
   * True if a repeated call would create a second resource. The run then makes sure that no other
   * run creates it at the same time.
   */
  readonly canDouble?: boolean;
}

/** How a service compares a part of a profile with what it lists. It changes nothing itself. */
export type ComparePart<Section> = (
  section: Section,
  context: ProvisionContext,
) => Promise<readonly ProvisionItem[]>;

/** The input of {@link defineProvision}. */
export interface ProvisionDefinition<Section> {
  /** The section of the service in a profile. */
  readonly schema: z.ZodType<Section>;
  /** For the documentation: one sentence for each part. */
  readonly summary: readonly string[];
  /** The parts are compared concurrently, and their items are created in this order. */
  readonly parts: readonly ComparePart<Section>[];
}

/** How a service compares what is wanted with what it lists. */
export interface ServiceProvision<At extends AnyProvisionContext, Section> {
  /** Throws when the section does not match the schema, and the error of a failed call. */
  compare(section: Section, context: At): Promise<readonly ProvisionItem[]>;
}

/** What a service file says about the provision of projects. */
export interface ProjectProvision extends ServiceProvision<ProvisionContext, unknown> {
  readonly schema: z.ZodType;
  readonly summary: readonly string[];
}

/**
 * Defines how a service provisions a project. The service only compares. The run then creates
 * missing items in their order and compares again.
 */
export const defineProvision = <Section>({
  schema,
  summary,
  parts,
}: ProvisionDefinition<Section>): ProjectProvision => ({
  schema,
  summary,
  async compare(section, context) {
    const parsed = schema.parse(section);
    return (await Promise.all(parts.map((part) => part(parsed, context)))).flat();
  },
});

/** Returns the schemas of the sections of a profile, by service. */
export const profileSections = (
  services: readonly { readonly name: string; readonly provision?: ProjectProvision | undefined }[],
): Record<string, z.ZodType> =>
  Object.fromEntries(
    services.flatMap(({ name, provision }) => (provision ? [[name, provision.schema]] : [])),
  );
