/** The body of an error. `processResponses` adds the request id. */
export const problemBody = (code: string, message: string, advice?: string) => ({
  error: { code: `api.${code}`, message, ...(advice === undefined ? {} : { advice }) },
});

/** The answer for an unknown id of an operation. */
export const noOperation = () =>
  problemBody(
    'operation',
    'there is no operation with this id',
    'List the operations: propagator operation list',
  );
