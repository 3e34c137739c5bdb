import { functionsOf, logGroupId } from './functions.ts';
import type { Stack } from './stack.ts';

/**
 * Builds the section `extensions`. It adds properties to resources that the Serverless Framework
 * creates. serverless.yml has no other keys for these properties.
 */
export function resourceExtensions(stack: Stack): Record<string, { readonly Properties: object }> {
  const { kmsKey, apiRate } = stack.parameters;
  const rate = Number(apiRate);
  const logGroups = [...functionsOf(stack).map(({ name }) => logGroupId(name)), 'HttpApiLogGroup'];
  return {
    HttpApiStage: {
      Properties: {
        DefaultRouteSettings: { ThrottlingRateLimit: rate, ThrottlingBurstLimit: 2 * rate },
      },
    },
    ...(kmsKey
      ? Object.fromEntries(logGroups.map((id) => [id, { Properties: { KmsKeyId: kmsKey } }]))
      : {}),
  };
}
