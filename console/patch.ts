import type { El } from './element.ts';

/**
 * Makes the children of `parent` equal to `children`. An element that stays is changed in place,
 * and keeps the focus, the selection, an opened part and the scroll position. A child with the
 * attribute `data-key` keeps its element when other children are added before it.
 */
export function patch(parent: Element, children: readonly (El | string)[]): void {
  const keyed = new Map<string, Element>();
  for (const node of parent.children) {
    const key = node.getAttribute('data-key');
    if (key !== null) keyed.set(key, node);
  }
  const wanted = new Set(children.map(keyOf).filter((key) => key !== undefined));
  for (const [key, node] of keyed) if (!wanted.has(key)) node.remove();
  let at: ChildNode | null = parent.firstChild;
  for (const child of children) {
    const key = keyOf(child);
    const found = key === undefined ? at : (keyed.get(key) ?? null);
    const node = found && fits(found, child) ? found : create(child, parent.ownerDocument);
    if (node !== at) parent.insertBefore(node, at);
    else at = at?.nextSibling ?? null;
    if (typeof child === 'string') {
      if (node.nodeValue !== child) node.nodeValue = child;
    } else change(node as Element, child);
  }
  while (at) {
    const next: ChildNode | null = at.nextSibling;
    at.remove();
    at = next;
  }
}

const keyOf = (child: El | string): string | undefined =>
  typeof child === 'string' ? undefined : child.attributes['data-key'];

/** True if a node can be changed into this child. */
function fits(node: ChildNode, child: El | string): boolean {
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

/** Attributes that a person can change. The console sets these only on a new element. */
const KEPT: readonly string[] = ['open', 'value', 'selected'];

function change(element: Element, { tag, attributes, children }: El): void {
  const isBar = tag === 'progress';
  const isNew = element.attributes.length === 0 && element.childNodes.length === 0;
  for (const name of element.getAttributeNames())
    if (!(name in attributes) && (isBar || !KEPT.includes(name))) element.removeAttribute(name);
  for (const [name, value] of Object.entries(attributes)) {
    const isFree = isBar || isNew || !KEPT.includes(name) || !element.hasAttribute(name);
    if (isFree && element.getAttribute(name) !== value && !(name === 'open' && !isNew))
      element.setAttribute(name, value);
  }
  patch(element, children);
}
