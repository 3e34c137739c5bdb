// The test loads this module before the command line. It sends requests to an API on AWS to the
// emulator, which finds the API by a path.
const { AWS_ENDPOINT_URL: endpoint } = process.env;
const onwards = globalThis.fetch;

globalThis.fetch = (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input);
  const [, api] = /^([a-z0-9]+)\.execute-api\./.exec(url.hostname) ?? [];
  return api && endpoint
    ? onwards(new URL(`/_aws/execute-api/${api}${url.pathname}${url.search}`, endpoint), init)
    : onwards(input, init);
};
