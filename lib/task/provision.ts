import type * as z from 'zod';
import type { CommonContext, ProjectContext, UserContext } from './context.ts';

/** The context of the provision of a project or of a user. */
export interface AnyProvisionContext extends CommonContext {
  /**
   * False if the run only compares. A call that would create a resource as a side effect is then
   * forbidden (safety rule "Listing must not create").
   */
  readonly mayCreate: boolean;
}

/** The context of the provision of a user. */
export interface UserProvisionContext extends AnyProvisionContext, UserContext {
  /** The domain of the user; `undefined` if it is not known. */
  readonly userDomain: string | undefined;
}

/** The context of the provision of a project. */
export interface ProvisionContext extends AnyProvisionContext, ProjectContext {
  /** The name of the project; `undefined` if it is not known. */
  readonly projectName: string | undefined;
  /** Returns the value that {@link record} stored for the project, the service and the region. */
  recorded(key: string): Promise<unknown>;
  /**
   * Stores a value that the run has set in a service whose API cannot show it. `value`: small JSON
   * without secrets.
   */
  record(key: string, value: unknown): Promise<void>;
}

/** One setting or resource that a profile names, compared with the listing of the service. */
export interface ProvisionItem {
  /** The resource type within the service: `quota`, `network`. */
  readonly type: string;
  /** The name within the type: `cores`, or the name of the network. */
  readonly name: string;
  /**
   * `as-wanted`: no change is needed. `missing`: the item does not exist or has the default value.
   * `differs`: a user or an operator has set another value. `waiting`: other items must exist
   * first, or the service is still changing the item. `blocked`: a person must act first.
   */
  readonly state: 'as-wanted' | 'missing' | 'differs' | 'waiting' | 'blocked';
  readonly wanted: string;
  readonly found?: string | undefined;
  /** The reason for `waiting` or `blocked`. */
  readonly message?: string;
  readonly advice?: string;
  /**
   * Creates the item or changes it to the wanted value. The function must be repeatable. Several
   * items may share one function, which is then called once.
   */
  readonly make?: (() => Promise<void>) | undefined;
  /**
   * True if a repeated call of `make` would create a second resource. The run then makes sure that
   * no other run creates the resource at the same time.
   */
  readonly canDuplicate?: boolean;
}

/** Compares a part of a profile with the listings of a service. Makes only calls that read. */
export type ComparePart<Section> = (
  section: Section,
  context: ProvisionContext,
) => Promise<readonly ProvisionItem[]>;

/** The input of {@link defineProvision}. */
export interface ProvisionDefinition<Section> {
  /** Validates the section of the service in a profile. */
  readonly schema: z.ZodType<Section>;
  /** For the documentation: one sentence for each part. */
  readonly summary: readonly string[];
  /** The parts are compared concurrently, and their items are created in this order. */
  readonly parts: readonly ComparePart<Section>[];
}

/** Compares the wanted state with the listings of a service. */
export interface ServiceProvision<Context extends AnyProvisionContext, Section> {
  /** Throws if the section does not match the schema or a call fails. */
  compare(section: Section, context: Context): Promise<readonly ProvisionItem[]>;
}

/** The provision of projects in one service. */
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
export const sectionSchemas = (
  services: readonly { readonly name: string; readonly provision?: ProjectProvision | undefined }[],
): Record<string, z.ZodType> =>
  Object.fromEntries(
    services.flatMap(({ name, provision }) => (provision ? [[name, provision.schema]] : [])),
  );
