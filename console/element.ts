import { visible } from './format.ts';

/** An element to show. Its text is never HTML. */
export interface El {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (El | string)[];
}
export type Child = El | string | undefined | false | readonly Child[];

/** The permitted attributes. No value of them runs a script or loads a file. */
const ATTRIBUTES = new Set(
  (
    'class id role scope type value max title for name tabindex open selected autocomplete ' +
    'maxlength spellcheck href'
  ).split(' '),
);
const ATTRIBUTE_FAMILIES = /^(?:aria|data)-[a-z]+$/;
const TAGS = new Set(
  (
    'a button caption code dd details div dl dt form h1 h2 h3 input label li nav option p ' +
    'progress section select span strong summary table tbody td th thead time tr ul'
  ).split(' '),
);

/**
 * Describes an element. A child that is `undefined` or `false` is left out. Throws `TypeError` for
 * a tag or attribute that could run a script or load a file, and for a link to another site.
 */
export function h(
  tag: string,
  attributes: Readonly<Record<string, string | undefined | false>> = {},
  ...children: readonly Child[]
): El {
  if (!TAGS.has(tag)) throw new TypeError(`the console shows no element ${tag}`);
  const definedAttributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    assertPermitted(name, value);
    definedAttributes[name] = value;
  }
  return { tag, attributes: definedAttributes, children: flat(children) };
}

function assertPermitted(name: string, value: string): void {
  if (!ATTRIBUTES.has(name) && !ATTRIBUTE_FAMILIES.test(name))
    throw new TypeError(`the console sets no attribute ${name}`);
  if (name === 'href' && !value.startsWith('#'))
    throw new TypeError('a link of the console begins with #');
}

function flat(children: readonly Child[]): (El | string)[] {
  return children.flatMap((child): (El | string)[] => {
    if (child === undefined || child === false) return [];
    if (typeof child === 'string') return [visible(child)];
    return 'tag' in child ? [child] : flat(child);
  });
}

/** All text of an element, for tests and for the title of a page. */
export const textOf = (one: El | string): string =>
  typeof one === 'string' ? one : one.children.map(textOf).join('');
