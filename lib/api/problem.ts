/** An error in the form of all routes. The request id is added in one place. */
export const problem = (code: string, message: string, advice?: string) => ({
  error: { code: `api.${code}`, message, ...(advice === undefined ? {} : { advice }) },
});

/** The answer for an id of no operation. */
export const noOperation = () =>
  problem(
    'operation',
    'there is no operation with this id',
    'List the operations: propagator operation list',
  );
