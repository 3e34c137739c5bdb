import { readFileSync } from 'node:fs';
import * as z from 'zod';

/** An attribute as DynamoDB transmits it. */
type Attribute = Readonly<Record<string, unknown>>;
type Item = Readonly<Record<string, Attribute>>;
interface Row {
  readonly Item?: Item;
  readonly Key?: Item;
  readonly ExpressionAttributeValues?: Item;
}

/** A call to DynamoDB with its parsed answer. */
export interface Call {
  readonly action: string;
  readonly input: {
    readonly ConsistentRead?: boolean;
    readonly RequestItems?: Readonly<Record<string, unknown>>;
    readonly TransactItems?: readonly Readonly<Record<string, Row>>[];
  } & Row;
  readonly output: {
    readonly Item?: Item;
    readonly Items?: readonly Item[];
    readonly Responses?: Readonly<Record<string, readonly Item[]>>;
  };
}

/** The capacity of a call, and the states of the operations that it wrote. */
export interface Units {
  readonly reads: number;
  readonly writes: number;
  readonly states: readonly { readonly operation: string; readonly state: string }[];
}

const READ_BYTES = 4096;
const WRITE_BYTES = 1024;

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
/** Returns the bytes that DynamoDB counts for a value. They depend on the type of the value. */
const sizeOfValue = ([type, value]: [string, unknown]): number =>
  type === 'N'
    ? Math.ceil(String(value).length / 2) + 1
    : type === 'B'
      ? Buffer.byteLength(String(value), 'base64')
      : Buffer.byteLength(String(value));
/** Returns the bytes of an item by the rules of DynamoDB. */
const sizeOf = (item: Item = {}): number =>
  sum(
    Object.entries(item).map(
      ([name, attribute]) =>
        Buffer.byteLength(name) + sum(Object.entries(attribute).map(sizeOfValue)),
    ),
  );
const readUnitsOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / READ_BYTES));
const writeUnitsOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / WRITE_BYTES));
/**
 * Returns the write units of a row. For an update or a deletion, the size of the request is used,
 * because the size of the stored row is unknown.
 */
const writeUnitsOfRow = ({ Item, Key, ExpressionAttributeValues }: Row): number =>
  writeUnitsOf(sizeOf(Item) + sizeOf(Key) + sizeOf(ExpressionAttributeValues));

/** Returns the capacity units of a call by the rules of DynamoDB for on-demand tables. */
export function unitsOf({ action, input, output }: Call): Units {
  const unitsPerRead = input.ConsistentRead ? 1 : 0.5;
  const none = { reads: 0, writes: 0, states: [] };
  switch (action) {
    case 'GetItem':
      return { ...none, reads: unitsPerRead * readUnitsOf(sizeOf(output.Item)) };
    case 'Query':
    case 'Scan':
      return { ...none, reads: unitsPerRead * readUnitsOf(sum((output.Items ?? []).map(sizeOf))) };
    case 'BatchGetItem': {
      const requestedKeys = Object.values(input.RequestItems ?? {}) as {
        readonly Keys: readonly Item[];
      }[];
      const foundItems = Object.values(output.Responses ?? {}).flat();
      // A read of a row that does not exist costs one unit, because all batch reads of the engine
      // are consistent.
      const missing = sum(requestedKeys.map(({ Keys }) => Keys.length)) - foundItems.length;
      return { ...none, reads: missing + sum(foundItems.map((item) => readUnitsOf(sizeOf(item)))) };
    }
    case 'BatchWriteItem': {
      const rows = Object.values(input.RequestItems ?? {}).flat() as Record<string, Row>[];
      return {
        ...none,
        writes: sum(rows.flatMap((row) => Object.values(row)).map(writeUnitsOfRow)),
      };
    }
    case 'TransactWriteItems': {
      const rows = (input.TransactItems ?? []).flatMap((row) => Object.values(row));
      return {
        ...none,
        writes: 2 * sum(rows.map(writeUnitsOfRow)),
        states: rows.flatMap(statesIn),
      };
    }
    default:
      return { ...none, writes: writeUnitsOfRow(input) };
  }
}

function statesIn({ Item }: Row): Units['states'] {
  const [operation, state] = [Item?.pk?.S, Item?.state?.S];
  return typeof operation === 'string' && typeof state === 'string' ? [{ operation, state }] : [];
}

/** A line of the file that `units-hook.ts` writes. */
const RecordedCall = z.object({
  at: z.number(),
  reads: z.number(),
  writes: z.number(),
  states: z.array(z.object({ operation: z.string(), state: z.string() })),
});

/**
 * Returns the units of all calls since a moment (epoch milliseconds). When the state of an
 * operation changes, DynamoDB also deletes a row of the index and writes a new one. These writes
 * are added here, because no call shows them.
 */
export function unitsSince(file: string, since: number): { reads: number; writes: number } {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const units = { reads: 0, writes: 0 };
  const lastStates = new Map<string, string>();
  for (const line of lines) {
    const call = RecordedCall.parse(JSON.parse(line));
    const indexWrites = sum(call.states.map((one) => indexWritesOf(one, lastStates)));
    if (call.at < since) continue;
    units.reads += call.reads;
    units.writes += call.writes + indexWrites;
  }
  return units;
}

/** Returns the writes to the index for a stored operation, and keeps its state in `lastStates`. */
function indexWritesOf(
  { operation, state }: Units['states'][number],
  lastStates: Map<string, string>,
): number {
  const stateBefore = lastStates.get(operation);
  lastStates.set(operation, state);
  if (stateBefore === state) return 0;
  return stateBefore === undefined ? 1 : 2;
}
