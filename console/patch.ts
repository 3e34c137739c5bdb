import type { El } from './element.ts';

/**
 * Makes the children of `parent` equal to `children`. An element that stays is changed in place,
 * and keeps the focus, the selection and the scroll position. An opened `details` element stays
 * open. A child with the attribute `data-key` keeps its element when other children are added
 * before it.
 */
export function patch(parent: Element, children: readonly (El | string)[]): void {
  const keyed = keyedElements(parent);
  removeUnwanted(keyed, children);
  /** The first node that no child has used yet. */
  let position: ChildNode | null = parent.firstChild;
  for (const child of children) {
    const key = keyOf(child);
    const candidate = key === undefined ? position : (keyed.get(key) ?? null);
    const node =
      candidate && canBecome(candidate, child) ? candidate : create(child, parent.ownerDocument);
    if (node === position) position = node.nextSibling;
    else parent.insertBefore(node, position);
    changeNode(node, child);
  }
  removeFrom(position);
}

/** The elements with the attribute `data-key`, by its value. */
function keyedElements(parent: Element): ReadonlyMap<string, Element> {
  const keyed = new Map<string, Element>();
  for (const node of parent.children) {
    const key = node.getAttribute('data-key');
    if (key !== null) keyed.set(key, node);
  }
  return keyed;
}

/** Removes the elements whose key no child has. */
function removeUnwanted(
  keyed: ReadonlyMap<string, Element>,
  children: readonly (El | string)[],
): void {
  const wanted = new Set(children.map(keyOf));
  for (const [key, node] of keyed) if (!wanted.has(key)) node.remove();
}

/** Removes the node and all nodes after it. */
function removeFrom(first: ChildNode | null): void {
  let position = first;
  while (position) {
    const next: ChildNode | null = position.nextSibling;
    position.remove();
    position = next;
  }
}

const keyOf = (child: El | string): string | undefined =>
  typeof child === 'string' ? undefined : child.attributes['data-key'];

/** True if a node can be changed into this child. */
function canBecome(node: ChildNode, child: El | string): boolean {
  if (typeof child === 'string') return node.nodeType === node.TEXT_NODE;
  if (node.nodeType !== node.ELEMENT_NODE) return false;
  const element = node as Element;
  return (
    element.localName === child.tag &&
    (element.getAttribute('data-key') ?? undefined) === child.attributes['data-key']
  );
}

const create = (child: El | string, document: Document): ChildNode =>
  typeof child === 'string' ? document.createTextNode('') : document.createElement(child.tag);

/** The attributes that a person can change, for example by typing into a field. */
const CHANGED_BY_PERSON: readonly string[] = ['open', 'value', 'selected'];

function changeNode(node: ChildNode, child: El | string): void {
  if (typeof child !== 'string') changeElement(node as Element, child);
  else if (node.nodeValue !== child) node.nodeValue = child;
}

function changeElement(element: Element, { attributes, children }: El): void {
  const isNew = element.attributes.length === 0 && element.childNodes.length === 0;
  for (const name of element.getAttributeNames())
    if (!(name in attributes) && !isChangedByPerson(element, name)) element.removeAttribute(name);
  for (const [name, value] of Object.entries(attributes))
    if (element.getAttribute(name) !== value && (isNew || maySet(element, name)))
      element.setAttribute(name, value);
  patch(element, children);
}

/** A person cannot change a progress bar, whose value is also an attribute. */
const isChangedByPerson = (element: Element, name: string): boolean =>
  element.localName !== 'progress' && CHANGED_BY_PERSON.includes(name);

/**
 * True if the console may set this attribute of an element that is not new. A `details` element
 * that a person has closed has no attribute `open`, and must stay closed.
 */
const maySet = (element: Element, name: string): boolean =>
  name !== 'open' && !(isChangedByPerson(element, name) && element.hasAttribute(name));
