import * as z from 'zod';

const equalityFilterSchema = (field: string) =>
  z.strictObject({ '=': z.strictObject({ [field]: z.string() }) });
const creatorFilterSchema = equalityFilterSchema('created_by_project_id');
/**
 * The filter by project that Aodh adds to a query. The first form matches the resources that the
 * alarm's project created. The second form also matches resources of the alarm's project that
 * another project created. This other project is the one in [api] gnocchi_external_project_owner,
 * usually Ceilometer's.
 */
const projectFilterSchema = z.union([
  creatorFilterSchema,
  z.strictObject({
    or: z.tuple([
      creatorFilterSchema,
      z.strictObject({ and: z.tuple([creatorFilterSchema, equalityFilterSchema('project_id')]) }),
    ]),
  }),
]);
const filteredQuerySchema = z.strictObject({ and: z.tuple([projectFilterSchema, z.unknown()]) });

const GNOCCHI_RULE_FIELD = 'gnocchi_aggregation_by_resources_threshold_rule';
const alarmWithRule = z.object({ [GNOCCHI_RULE_FIELD]: z.looseObject({ query: z.string() }) });
type Alarm = Readonly<Record<string, unknown>>;

/** Returns `undefined` if the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the query of an alarm over resources in Gnocchi, or `undefined` for other alarms. */
function queryOf(alarm: unknown): string | undefined {
  return alarmWithRule.safeParse(alarm).data?.[GNOCCHI_RULE_FIELD]?.query;
}

/** True if two alarms have the same query. Ignores differences of whitespace. */
export const haveSameQuery = (a: unknown, b: unknown): boolean =>
  normalizedQuery(a) === normalizedQuery(b);

function normalizedQuery(alarm: unknown): string | undefined {
  const query = queryOf(alarm);
  return query === undefined ? undefined : (JSON.stringify(parseJson(query)) ?? query);
}

/**
 * Returns the alarm without the filter by project in its query. When an administrator writes an
 * alarm of another project, Aodh adds this filter, even if the query already has it (Zed and
 * 2026.2, `AggregationMetricByResourcesLookupRule.validate_alarm`). Without the removal, each
 * suspend and each resume would add one more filter.
 */
export function withoutProjectFilter(alarm: Alarm, project: string): Alarm {
  const rule = alarmWithRule.safeParse(alarm).data?.[GNOCCHI_RULE_FIELD];
  const { data: query } = filteredQuerySchema.safeParse(parseJson(queryOf(alarm) ?? ''));
  if (!query || !rule) return alarm;
  const [filter, originalQuery] = query.and;
  const creatorFilter = '=' in filter ? filter : filter.or[0];
  if (creatorFilter['='].created_by_project_id !== project) return alarm;
  return { ...alarm, [GNOCCHI_RULE_FIELD]: { ...rule, query: JSON.stringify(originalQuery) } };
}
