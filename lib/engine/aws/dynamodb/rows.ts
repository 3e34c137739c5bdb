import { engineError } from '../../engine-error.ts';

/** An attribute as DynamoDB transmits it: numbers are text, bytes are base64. */
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

/** A key as attributes. */
export const keyOf = ({ pk, sk }: Key): Item => ({ pk: { S: pk }, sk: { S: sk } });

/** A string attribute of a row. Throws `engine.row.damaged` when it is missing. */
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

/** A number attribute of a row; 0 when it is missing. */
export const numberOf = (item: Item | undefined, name: string): number =>
  Number(item?.[name]?.N ?? 0);
