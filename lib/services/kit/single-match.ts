/**
 * Returns the message and the advice for a name or id that does not belong to exactly one item.
 * `matchCount`: the number of items with this name or id. `source`: the place in which an operator
 * can correct the name or id, as the advice calls it.
 */
export const describeNoSingleMatch = (
  noun: string,
  nameOrId: string,
  matchCount: number,
  source = 'the profile',
): { readonly message: string; readonly advice: string } =>
  matchCount === 0
    ? {
        message: `there is no ${noun} "${nameOrId}"`,
        advice: `Create the ${noun}, or correct the name in ${source}.`,
      }
    : {
        message: `there are ${matchCount} ${noun}s "${nameOrId}"`,
        advice: `Write the id of one of these ${noun}s in ${source}.`,
      };
