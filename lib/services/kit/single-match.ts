/**
 * Returns the message and the advice for a name or id in a profile that does not belong to exactly
 * one item. `count`: the number of items with this name or id.
 */
export const noSingleMatch = (
  noun: string,
  nameOrId: string,
  count: number,
): { readonly message: string; readonly advice: string } =>
  count === 0
    ? {
        message: `there is no ${noun} "${nameOrId}"`,
        advice: `Create the ${noun}, or correct the name in the profile.`,
      }
    : {
        message: `there are ${count} ${noun}s "${nameOrId}"`,
        advice: `Write the id of one of these ${noun}s in the profile.`,
      };
