import { engineError } from '../../engine-error.ts';

/**
 * An attribute of a row. Numbers are text. The engine writes bytes as base64 text, but the SDK
 * returns them as a `Uint8Array`: `Buffer.from(B, 'base64')` accepts both.
 */
export interface Attribute {
  readonly S?: string;
  readonly N?: string;
  readonly B?: string;
}

export type Item = Readonly<Record<string, Attribute>>;

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** A condition or an update in DynamoDB's syntax. */
interface Expressions {
  readonly ConditionExpression?: string;
  readonly UpdateExpression?: string;
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: Item;
}

/** One row of a transaction. */
export type Write =
  | { readonly Put: { readonly Item: Item } & Expressions }
  | { readonly Update: { readonly Key: Item } & Expressions }
  | { readonly Delete: { readonly Key: Item } & Expressions };

/** Converts a key to the attributes of a row. */
export const keyOf = ({ pk, sk }: Key): Item => ({ pk: { S: pk }, sk: { S: sk } });

/** Returns a string attribute of a row. Throws `engine.row.damaged` if it is missing. */
export function textOf(item: Item, name: string): string {
  const text = item[name]?.S;
  if (text === undefined)
    throw engineError(
      'row.damaged',
      `A row has no ${name}: ${item.pk?.S} ${item.sk?.S}.`,
      'Restore the table to a point in time before the damage.',
    );
  return text;
}

/** Returns a number attribute of a row, or 0 if the row or the attribute is missing. */
export const numberOf = (item: Item | undefined, name: string): number =>
  Number(item?.[name]?.N ?? 0);

/**
 * Returns the condition that a row has not changed since it was read. `valueWhenRead`: the value
 * of the attribute when the row was read, or `undefined` if the row did not exist.
 */
export const ifUnchanged = (
  attribute: 'version' | 'revision',
  valueWhenRead: number | undefined,
) =>
  valueWhenRead === undefined
    ? { ConditionExpression: 'attribute_not_exists(pk)' }
    : {
        ConditionExpression: '#number = :read',
        ExpressionAttributeNames: { '#number': attribute },
        ExpressionAttributeValues: { ':read': { N: String(valueWhenRead) } },
      };
