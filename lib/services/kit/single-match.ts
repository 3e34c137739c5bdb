/**
 * Returns the message and the advice for a name or id that does not belong to exactly one item.
 * `count`: the number of items with this name or id. `place`: the text that contains the name.
 */
export const noSingleMatch = (
  noun: string,
  nameOrId: string,
  count: number,
  place = 'the profile',
): { readonly message: string; readonly advice: string } =>
  count === 0
    ? {
        message: `there is no ${noun} "${nameOrId}"`,
        advice: `Create the ${noun}, or correct the name in ${place}.`,
      }
    : {
        message: `there are ${count} ${noun}s "${nameOrId}"`,
        advice: `Write the id of one of these ${noun}s in ${place}.`,
      };
