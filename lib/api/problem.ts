/** An error in the form of all routes. The request id is added in one place. */
export const problem = (code: string, message: string, advice?: string) => ({
  error: { code: `api.${code}`, message, ...(advice === undefined ? {} : { advice }) },
});
