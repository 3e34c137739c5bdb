/** The new name of each field that an earlier release stored under another name. */
export interface RenamedFields {
  readonly [oldName: string]: string;
}

/**
 * Returns the stored value with the new names of its fields. A field that is stored under both
 * names keeps the value of its new name. Returns any value that is no object unchanged.
 */
export function withNewNames(stored: unknown, newNameByOldName: RenamedFields): unknown {
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) return stored;
  const fields = Object.entries(stored);
  const isOld = ([name]: readonly [string, unknown]): boolean =>
    Object.hasOwn(newNameByOldName, name);
  const renamedFields = fields
    .filter(isOld)
    .map(([name, value]) => [newNameByOldName[name] ?? name, value] as const);
  return Object.fromEntries([...renamedFields, ...fields.filter((field) => !isOld(field))]);
}
