/** An error as every route answers it; the request id is added to each of them in one place. */
export const problem = (code: string, message: string, advice?: string) => ({
  error: { code: `api.${code}`, message, ...(advice === undefined ? {} : { advice }) },
});
