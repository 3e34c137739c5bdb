import { ResourceTypeName } from '../../events/ids.ts';
import type { UserContext } from './context.ts';

/**
 * A type of resources that depend on a user, in one service. These resources cannot be disabled and
 * enabled again, so a suspension of the user only lists them.
 */
export interface UserReportDefinition<Row> {
  /** The resource type within the service: `trust`, `keypair`. */
  readonly name: string;
  /** For the documentation: why a suspension changes no resource of this type, in one sentence. */
  readonly because: string;
  list(context: UserContext): Promise<readonly Row[]>;
  id(row: Row): string;
  /** The id of the user. */
  owner(row: Row): string | undefined;
  label?(row: Row): string | undefined;
  /** The affected project; `undefined` if the resource belongs to no project. */
  project(row: Row): string | undefined;
  /**
   * The effect on the resource while the user is disabled. The report shows the project before this
   * text.
   */
  message(row: Row): string;
  readonly advice: string;
}

/** One resource that depends on the user, with its row type hidden. */
export interface ReportedRow {
  readonly id: string;
  readonly owner: string | undefined;
  readonly label: string | undefined;
  readonly message: string;
}

/** A type of resources that the suspension of a user reports, with its row type hidden. */
export interface UserReportType {
  readonly resourceType: ResourceTypeName;
  readonly because: string;
  readonly advice: string;
  list(context: UserContext): Promise<readonly ReportedRow[]>;
}

/** Defines a type of resources that the suspension of a user reports. */
export const defineUserReport =
  <Row>(definition: UserReportDefinition<Row>): ((service: string) => UserReportType) =>
  (service) => ({
    resourceType: ResourceTypeName.parse(`${service}.${definition.name}`),
    because: definition.because,
    advice: definition.advice,
    async list(context) {
      return (await definition.list(context)).map((row) => {
        const project = definition.project(row);
        const prefix = project === undefined ? '' : `project ${project}: `;
        return {
          id: definition.id(row),
          owner: definition.owner(row),
          label: definition.label?.(row),
          message: `${prefix}${definition.message(row)}`,
        };
      });
    },
  });
