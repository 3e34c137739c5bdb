import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type * as z from 'zod';
import { type Policy, type ProfileSections, policySchema } from './schema.ts';

/** One error of a policy file. `line` counts from 1. */
export interface PolicyProblem {
  readonly line: number;
  readonly message: string;
}
/** The policy of a valid file, or all errors of an invalid file. */
export type PolicyReading =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'invalid'; readonly problems: readonly PolicyProblem[] };

/**
 * Reads a policy file. `sections`: the schemas of the sections of a profile, by service. For an
 * invalid file, the result contains every error with its line. Never throws.
 */
export function readPolicy(text: string, sections: ProfileSections): PolicyReading {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    logLevel: 'error',
  });
  const lineAt = (offset: number): number => Math.max(1, lineCounter.linePos(offset).line);
  if (document.errors.length > 0)
    return {
      kind: 'invalid',
      problems: document.errors.map(({ pos, message }) => ({ line: lineAt(pos[0]), message })),
    };
  const parsed = policySchema(sections).safeParse(document.toJS() ?? {});
  if (parsed.success) return { kind: 'policy', policy: parsed.data };
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, document, lineAt));
  return { kind: 'invalid', problems: problems.toSorted((one, other) => one.line - other.line) };
}

function problemsOf(
  issue: z.core.$ZodIssue,
  document: Document,
  lineAt: (offset: number) => number,
): PolicyProblem[] {
  const lineOf = (path: readonly PropertyKey[]): number => lineAt(offsetOf(document, path));
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      line: lineOf([...issue.path, key]),
      message: messageWithPath(issue.path, `there is no field "${key}"`),
    }));
  return [{ line: lineOf(issue.path), message: messageWithPath(issue.path, issue.message) }];
}

const messageWithPath = (path: readonly PropertyKey[], message: string): string =>
  path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`;

/**
 * Returns the offset in the file of the key or list item at a path. If the file does not have it,
 * returns the offset of the nearest parent.
 */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const nearestPath = path.slice(0, length);
    const offset = keyOffset(document, nearestPath) ?? valueOffset(document, nearestPath);
    if (offset !== undefined) return offset;
  }
  return 0;
}

/** Returns the offset of the key at a path, or `undefined` if the file does not have the key. */
function keyOffset(document: Document, path: readonly PropertyKey[]): number | undefined {
  const parent = document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
  return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
}

/** Returns the offset of the value at a path, for example of a list item, or `undefined`. */
function valueOffset(document: Document, path: readonly PropertyKey[]): number | undefined {
  const node: unknown = document.getIn(path, true);
  const hasRange = typeof node === 'object' && node !== null && 'range' in node;
  return hasRange && Array.isArray(node.range) ? Number(node.range[0]) : undefined;
}
