import * as z from 'zod';

const equals = (field: string) => z.strictObject({ '=': z.strictObject({ [field]: z.string() }) });
const createdBy = equals('created_by_project_id');
/** The second form also matches resources that an external owner of Gnocchi created. */
const projectFilter = z.union([
  createdBy,
  z.strictObject({
    or: z.tuple([createdBy, z.strictObject({ and: z.tuple([createdBy, equals('project_id')]) })]),
  }),
]);
const filteredQuery = z.strictObject({ and: z.tuple([projectFilter, z.unknown()]) });

const RULE = 'gnocchi_aggregation_by_resources_threshold_rule';
const ruleOf = z.object({ [RULE]: z.looseObject({ query: z.string() }) });
type Alarm = Readonly<Record<string, unknown>>;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the query of an alarm over the resources of Gnocchi, or undefined for other alarms. */
function queryText(alarm: unknown): string | undefined {
  return ruleOf.safeParse(alarm).data?.[RULE]?.query;
}

/** Returns the query in one spelling, for comparisons. */
export function queryOf(alarm: unknown): string | undefined {
  const text = queryText(alarm);
  return text === undefined ? undefined : (JSON.stringify(parsed(text)) ?? text);
}

/**
 * Removes the filter by project from the query of an alarm. Aodh adds this filter to each alarm
 * that is written on behalf of another project, even if the query already has the filter (Zed and
 * 2026.2, `AggregationMetricByResourcesLookupRule.validate_alarm`). Without the removal, each
 * suspend and each resume would add one more filter.
 */
export function withoutProjectFilter(alarm: Alarm, project: string): Alarm {
  const { data: rules } = ruleOf.safeParse(alarm);
  const { data: query } = filteredQuery.safeParse(parsed(queryText(alarm) ?? ''));
  const rule = rules?.[RULE];
  if (!query || !rule) return alarm;
  const [filter, inner] = query.and;
  const own = '=' in filter ? filter : filter.or[0];
  if (own['='].created_by_project_id !== project) return alarm;
  return { ...alarm, [RULE]: { ...rule, query: JSON.stringify(inner) } };
}
