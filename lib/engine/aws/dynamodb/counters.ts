import { checkCounterAmounts } from '../../counter-amounts.ts';
import { engineError } from '../../engine-error.ts';
import { COUNTER_SHARES } from './keys.ts';
import { keyOf, type Write } from './rows.ts';
import type { Store } from './table.ts';

/** The maximum number of counters in one expression, because DynamoDB limits its length. */
const MAX_NAMES_PER_EXPRESSION = 150;
/**
 * The prefix of a counter's attribute. Without this prefix, the name of a counter could be the name
 * of another attribute.
 */
const COUNTER_NAME_PREFIX = 'n:';
/** The attribute with the number of accounts in the inventory. It has no prefix. */
const ACCOUNTS_ATTRIBUTE = 'accounts';

/**
 * Throws `engine.counter` for an amount that is not an integer, and `engine.change.too-big` for
 * counters that do not fit in one transaction.
 */
export function checkCounters(counters: Readonly<Record<string, number>>): void {
  checkCounterAmounts(counters);
  rowCountOf(Object.keys(counters).length);
}

/**
 * Returns the number of rows that a change of these counters writes. Throws `engine.change.too-big`
 * if one transaction cannot write them.
 */
function rowCountOf(counterCount: number): number {
  const rowCount = Math.ceil(counterCount / MAX_NAMES_PER_EXPRESSION);
  if (rowCount > COUNTER_SHARES)
    throw engineError(
      'change.too-big',
      `${counterCount} counters in one change exceed the limit of one transaction.`,
      'Report this defect of the propagator, with this message.',
    );
  return rowCount;
}

/**
 * Builds the rows that add these values to the counters, and `newAccountCount` to the number of
 * accounts. The value of a counter is the sum of {@link COUNTER_SHARES} rows. This function adds to
 * a random one of these rows, so that concurrent transactions rarely lock the same row.
 */
export function counterWrites(
  counters: Readonly<Record<string, number>>,
  newAccountCount: number,
): Write[] {
  const amounts = Object.entries(counters).map(([name, value]): [string, number] => [
    COUNTER_NAME_PREFIX + name,
    value,
  ]);
  if (newAccountCount > 0) amounts.push([ACCOUNTS_ATTRIBUTE, newAccountCount]);
  const firstShare = Math.floor(Math.random() * COUNTER_SHARES);
  return Array.from({ length: rowCountOf(amounts.length) }, (_, index) =>
    updateOfShare(
      (firstShare + index) % COUNTER_SHARES,
      amounts.slice(index * MAX_NAMES_PER_EXPRESSION, (index + 1) * MAX_NAMES_PER_EXPRESSION),
    ),
  );
}

const updateOfShare = (share: number, amounts: readonly (readonly [string, number])[]): Write => ({
  Update: {
    Key: keyOf({ pk: 'counters', sk: String(share) }),
    UpdateExpression: `ADD ${amounts.map((_, index) => `#${index} :${index}`).join(', ')}`,
    ExpressionAttributeNames: Object.fromEntries(
      amounts.map(([name], index) => [`#${index}`, name]),
    ),
    ExpressionAttributeValues: Object.fromEntries(
      amounts.map(([, value], index) => [`:${index}`, { N: String(value) }]),
    ),
  },
});

/** Reads all counters, in the order of their names. */
export async function readCounters(store: Store): Promise<Record<string, number>> {
  const counters = [...(await readAttributeSums(store))].filter(([name]) =>
    name.startsWith(COUNTER_NAME_PREFIX),
  );
  return Object.fromEntries(
    counters
      .map(([name, value]): [string, number] => [name.slice(COUNTER_NAME_PREFIX.length), value])
      .toSorted(),
  );
}

/** Reads the number of accounts in the inventory. */
export const readAccountCount = async (store: Store): Promise<number> =>
  (await readAttributeSums(store)).get(ACCOUNTS_ATTRIBUTE) ?? 0;

/** Reads the sum of each attribute over all rows of the counters. */
async function readAttributeSums(store: Store): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const { pk: _, sk: __, ...attributes } of await store.query({ pk: 'counters' }))
    for (const [name, value] of Object.entries(attributes))
      sums.set(name, (sums.get(name) ?? 0) + Number(value.N));
  return sums;
}
